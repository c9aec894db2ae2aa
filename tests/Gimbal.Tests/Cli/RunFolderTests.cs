using System.Text.Json;
using Gimbal.Training;

namespace Gimbal.Tests.Cli;

public sealed class RunFolderTests
{
    [Fact]
    public void A_folder_of_another_run_is_refused_and_left_as_it_was()
    {
        using TemporaryFolder temporary = new();
        using (RunFolder first = RunFolder.Create("sft", 1, "cpu", temporary.File("run"), "seed: 1\n"))
            first.WriteText("summary.json", "{}");
        Dictionary<string, string> before = Contents(temporary.File("run"));

        InvalidFileException error = Assert.Throws<InvalidFileException>(
            () => RunFolder.Create("sft", 2, "cpu", temporary.File("run"), "seed: 2\n"));

        Assert.Contains("--resume", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Contents(temporary.File("run")));
    }

    [Fact]
    public void A_new_folder_says_what_it_is()
    {
        using TemporaryFolder temporary = new();
        using RunFolder folder = RunFolder.Create("grpo", 7, "cpu", temporary.File("a/b"), "seed: 7\n");

        using JsonDocument header = JsonDocument.Parse(File.ReadAllText(folder.File("run.json")));
        Assert.Equal(["command", "device", "schema", "seed", "started", "version"],
            header.RootElement.EnumerateObject().Select(property => property.Name).Order());
        Assert.Equal("grpo", RunFolder.ReadHeader(folder.Path).Command);
        Assert.Equal("seed: 7\n", File.ReadAllText(folder.File("run.yaml")));
        Assert.Null(folder.CheckpointStep);
    }

    [Fact]
    public void A_checkpoint_that_fails_leaves_the_one_before_it_whole_and_no_remains()
    {
        using TemporaryFolder temporary = new();
        using RunFolder folder = RunFolder.Create("sft", 1, "cpu", temporary.File("run"), "");
        folder.WriteCheckpoint(5, keep: 2, path => File.WriteAllText(Path.Combine(path, "weights"), "five"));

        Assert.Throws<IOException>(() => folder.WriteCheckpoint(6, keep: 2, path =>
        {
            File.WriteAllText(Path.Combine(path, "weights"), "half of");
            throw new IOException("disk full");
        }));
        Assert.Throws<IOException>(() => folder.WriteCheckpoint(5, keep: 2, _ => throw new IOException("disk full")));

        Assert.Equal(5, folder.CheckpointStep);
        Assert.Equal("five", File.ReadAllText(Path.Combine(folder.CheckpointPath(5), "weights")));
        Assert.Equal([folder.CheckpointPath(5)], Directory.GetFileSystemEntries(folder.File("checkpoints")));
    }

    [Fact]
    public void Old_checkpoints_go_by_step_and_not_by_name()
    {
        using TemporaryFolder temporary = new();
        using RunFolder folder = RunFolder.Create("sft", 1, "cpu", temporary.File("run"), "");
        foreach (long step in (long[])[8, 9, 10, 100])
            folder.WriteCheckpoint(step, keep: 2, path => File.WriteAllText(Path.Combine(path, "weights"), "w"));

        Assert.Equal(["step-10", "step-100"], Directory.GetDirectories(folder.File("checkpoints")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_resume_cuts_metrics_and_samples_back_to_the_checkpoint()
    {
        using TemporaryFolder temporary = new();
        string path = temporary.File("run");
        MetricRow row = new();
        using (RunFolder folder = RunFolder.Create("sft", 1, "cpu", path, ""))
        {
            for (int step = 1; step <= 9; step++)
            {
                row["loss"] = 1.0 / step;
                folder.Metrics.Write(step, row);
                folder.WriteSample(new SampleRecord(step, "p", "c"));
                if (step == 6)
                    folder.WriteCheckpoint(step, 0, checkpoint => File.WriteAllText(Path.Combine(checkpoint, "weights"), "w"));
            }
        }

        File.AppendAllText(Path.Combine(path, "metrics.jsonl"), "{\"step\":10,\"lo");
        string[] before = File.ReadAllLines(Path.Combine(path, "metrics.jsonl"));
        using (RunFolder resumed = RunFolder.Resume(path))
        {
            Assert.Equal(6, resumed.CheckpointStep);
            Assert.Equal(before[..6], File.ReadAllLines(resumed.File("metrics.jsonl")));
            Assert.Equal(6, File.ReadAllLines(resumed.File("samples.jsonl")).Length);
            resumed.Metrics.Write(7, row);
        }

        Assert.Equal(7, File.ReadAllLines(Path.Combine(path, "metrics.jsonl")).Length);
    }

    [Fact]
    public void A_folder_without_a_run_cannot_be_resumed()
    {
        using TemporaryFolder temporary = new();
        Assert.Contains("run.json", Assert.Throws<InvalidFileException>(() => RunFolder.Resume(temporary.Path)).Message, StringComparison.Ordinal);

        File.WriteAllText(temporary.File("run.json"), "{\"schema\": 1, \"comm");
        Assert.Throws<InvalidFileException>(() => RunFolder.Resume(temporary.Path));
    }

    [Fact]
    public void Metrics_are_lines_of_json_without_garbage()
    {
        using TemporaryFolder temporary = new();
        MetricRow row = new();
        using (MetricsWriter writer = new(temporary.File("metrics.jsonl")))
        {
            row["loss"] = 0.1;
            row["rewards/\"odd\""] = double.NaN;
            row["high"] = double.PositiveInfinity;
            writer.Write(1, row);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int step = 2; step <= 101; step++)
            {
                row.Clear();
                row["loss"] = step * 0.37;
                writer.Write(step, row);
            }

            Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 100.0, 0, 200);
        }

        string[] lines = File.ReadAllLines(temporary.File("metrics.jsonl"));
        Assert.Equal("{\"step\":1,\"loss\":0.1,\"rewards/\\u0022odd\\u0022\":\"NaN\",\"high\":\"Infinity\"}", lines[0]);
        Assert.Equal(101, lines.Length);
        Assert.Equal("{\"step\":2,\"loss\":0.74}", lines[1]);
    }

    [Fact]
    public void A_trainer_without_output_gets_no_folder_and_one_with_an_open_folder_gets_that()
    {
        using TemporaryFolder temporary = new();
        Assert.Null(RunFolder.For("sft", new SftOptions(), "cpu"));

        using RunFolder own = RunFolder.Create("compare", 1, "cpu", temporary.File("run"), "");
        using (RunFolder? given = RunFolder.For("sft", new SftOptions { Run = own, Output = temporary.File("not") }, "cpu"))
            Assert.Equal(own.Path, given!.Path);
        own.Metrics.Write(1, new MetricRow());
        Assert.False(Directory.Exists(temporary.File("not")));

        using (RunFolder? made = RunFolder.For("sft", new SftOptions { Output = temporary.File("made"), Seed = 9 }, "cpu"))
            Assert.Contains("seed: 9", File.ReadAllText(made!.File("run.yaml")), StringComparison.Ordinal);
        Assert.Throws<InvalidFileException>(() => RunFolder.For("sft", new SftOptions { Output = temporary.File("made") }, "cpu"));
        using RunFolder? again = RunFolder.For("sft", new SftOptions { Output = temporary.File("made"), Resume = true }, "cpu");
        Assert.NotNull(again);
    }

    private static Dictionary<string, string> Contents(string folder) => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .ToDictionary(file => file, File.ReadAllText);
}
