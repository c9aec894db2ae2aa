using Gimbal.Training;

namespace Gimbal.Tests.Training;

public sealed class StoriesTaskTests
{
    [Fact]
    public void LoadsPromptsPairsAndUnseenOpenings()
    {
        StoriesTask task = StoriesTask.Load(SharedFolder.Require("data"));
        Assert.Equal(800, task.Train.Count);
        Assert.Equal(681, task.Pairs!.Count);
        Assert.Equal(StoriesTask.HeldOutCount, task.HeldOut.Count);
        Assert.All(task.HeldOut, row => Assert.InRange(row.Prompt.Split(' ').Length, 6, 12));
        Assert.Equal(800 + 78, task.Train.Concat(task.HeldOut).Select(row => row.Prompt).Distinct().Count());

        string[] stories = File.ReadAllText(SharedFolder.Require("data/text/tinystories_train_2MiB.txt")).Split("<|endoftext|>");
        string[] unseen = [.. stories.Skip(2200).SkipLast(1).Select(story => string.Join(' ', story.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)))];
        Assert.All(task.HeldOut, row => Assert.Contains(unseen, story => story.StartsWith(row.Prompt + " ", StringComparison.Ordinal)));
        Assert.Equal(task.HeldOut, StoriesTask.Load(SharedFolder.Require("data")).HeldOut);
    }

    [Fact]
    public async Task RewardRanksThePairsAsTheirFileDoes()
    {
        StoriesTask task = StoriesTask.Load(SharedFolder.Require("data"));
        Sample[] samples = [.. task.Pairs!.SelectMany(pair => new[] { pair.Chosen, pair.Rejected })
            .Select(text => new Sample { Prompt = "", Completion = text })];
        float?[] scores = new float?[samples.Length];
        await task.Reward.ScoreAsync(samples, scores, TestContext.Current.CancellationToken);

        // The file ranks by the sum over all words, the task by distinct words: nearly always the same order.
        int agree = Enumerable.Range(0, 681).Count(i => scores[2 * i] > scores[2 * i + 1]);
        Assert.InRange(agree, 660, 681);
    }

    [Fact]
    public void AbsentPairsAreAllowedAndAbsentFilesNamed()
    {
        string folder = SharedFolder.Require("data");
        Assert.Null(StoriesTask.Load(folder, new StoriesFiles { Pairs = null }).Pairs);
        InvalidFileException error = Assert.Throws<InvalidFileException>(() => StoriesTask.Load(folder, new StoriesFiles { Lexicon = "none.txt" }));
        Assert.Equal(Path.Combine(folder, "none.txt"), error.Path);
    }

    [Fact]
    public void TooFewStoriesAreNamed()
    {
        using TemporaryFile prompts = new("{\"prompt\":\"Once upon a time\"}\n");
        using TemporaryFile stories = new("One.<|endoftext|>Two.<|endoftext|>");
        InvalidFileException error = Assert.Throws<InvalidFileException>(() => StoriesTask.Load(Path.GetTempPath(),
            new StoriesFiles { Prompts = prompts.Path, Stories = stories.Path, Pairs = null }));
        Assert.Contains("gives 0 unseen openings, expected 78: it has 2 whole stories", error.Message, StringComparison.Ordinal);
    }
}
