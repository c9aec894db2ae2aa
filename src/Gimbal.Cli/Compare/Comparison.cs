using Gimbal.Cli.Report;
using Gimbal.Models;
using Gimbal.Training;
using Microsoft.Extensions.Logging;

namespace Gimbal.Cli.Compare;

/// <summary>
/// Trains one start by several methods and judges all alike: the same held-out prompts, the same verifier, the distance to the
/// same start.
/// </summary>
internal sealed class Comparison : IDisposable
{
    private const int ReportedPrompts = 12;

    /// <summary>Names beside curves, where a title has no room.</summary>
    private static readonly Dictionary<string, string> Labels = new() { ["more_sft"] = "more SFT", ["shuffled"] = "shuffled" };
    private const long FinalDraw = 1 << 20;

    private readonly CompareSubject subject;
    private readonly ComparePlan plan;
    private readonly StageStore stages;
    private readonly ulong seed;
    private readonly ILoggerFactory loggers;
    private readonly Func<string, int, IProgress<TrainingProgress>> watch;
    private readonly PolicyJudge judge;
    private readonly List<MethodResult> methods = [];
    private readonly Dictionary<string, Judgement> answers = [];

    /// <param name="subject">What the methods share.</param>
    /// <param name="plan">Options of each.</param>
    /// <param name="stages">Where each method has its folder.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="loggers">Where events go.</param>
    /// <param name="watch">Makes a display for a run of so many steps.</param>
    public Comparison(CompareSubject subject, ComparePlan plan, StageStore stages, ulong seed, ILoggerFactory loggers,
        Func<string, int, IProgress<TrainingProgress>> watch)
    {
        (this.subject, this.plan, this.stages, this.seed, this.loggers, this.watch) = (subject, plan, stages, seed, loggers, watch);
        judge = new PolicyJudge(subject.Start, subject.HeldOut, subject.Reward, subject.MaxNewTokens);
    }

    /// <summary>Runs everything.</summary>
    public async Task<CompareResult> RunAsync(string device, CancellationToken cancellationToken)
    {
        MethodResult start = Start();
        methods.Add(start);
        (IReward judgeModel, ScoreModel scorer, Proportion accuracy, double seconds) = await RewardModelAsync(cancellationToken).ConfigureAwait(false);
        using (scorer)
        {
            MethodResult ppo = await MethodAsync("ppo", "PPO", "a reward model", plan.Ppo.MaxSteps, (policy, options) =>
                new PpoTrainer(policy, scorer.Clone(trainable: true), subject.Train, judgeModel, plan.Ppo with { Seed = seed, Output = options, Resume = stages.IsStarted("ppo") }, loggers), start,
                trainer => trainer.TrainAsync, cancellationToken).ConfigureAwait(false);
            methods.Add(ppo with { RewardModelAccuracy = accuracy, Seconds = ppo.Seconds + seconds });
        }

        methods.Add(await MethodAsync("dpo", "DPO", "preference pairs", plan.Dpo.MaxSteps, (policy, options) =>
            new DpoTrainer(policy, subject.Pairs, plan.Dpo with { Seed = seed, Output = options, Resume = stages.IsStarted("dpo") }, loggers), start,
            trainer => trainer.TrainAsync, cancellationToken).ConfigureAwait(false));
        methods.Add(await GrpoAsync("grpo", "GRPO", "a verifier", subject.Reward, start, cancellationToken).ConfigureAwait(false));
        if (plan.Compare.Controls && subject.Demonstrations is { } demonstrations)
        {
            methods.Add(await GrpoAsync("shuffled", "GRPO, shuffled rewards", "a verifier, its rewards shuffled", Reward.Shuffled(subject.Reward, seed), start,
                cancellationToken).ConfigureAwait(false) with { IsControl = true });
            methods.Add(await MoreSftAsync(demonstrations, start, cancellationToken).ConfigureAwait(false));
        }

        return new CompareResult
        {
            Task = subject.Task,
            Seed = seed,
            Device = device,
            Methods = methods,
            AccuracyMeaning = subject.AccuracyMeaning,
            RewardMeaning = subject.RewardMeaning,
            Notes = subject.Notes,
            Answers = SideBySide(),
        };
    }

    public void Dispose() => judge.Dispose();

    private MethodResult Start()
    {
        Judge("start", subject.Start, out Judgement? greedy, out Judgement sampled);
        TrainingResult? training = subject.Training?.Training;
        bool isGiven = training is null;
        return new MethodResult
        {
            Name = isGiven ? "start" : "sft",
            Title = isGiven ? "the model as given" : "SFT, the start",
            Label = isGiven ? "start" : "SFT",
            Needs = isGiven ? "nothing" : "demonstrations",
            AccuracyBefore = isGiven ? Accuracy(greedy) : subject.Training!.AccuracyBefore,
            AccuracyAfter = Accuracy(greedy),
            RewardBefore = isGiven ? sampled.Reward : subject.Training!.RewardBefore,
            RewardAfter = sampled.Reward,
            Kl = 0,
            Seconds = training?.Seconds ?? 0,
            Samples = training?.Samples ?? 0,
            TrainedTokens = training?.TrainedTokens ?? 0,
            TokensPerSecond = training?.TokensPerSecond ?? 0,
            PeakBytes = training?.PeakBytes ?? 0,
            Losses = subject.Training?.Losses ?? [],
        };
    }

    private Task<MethodResult> GrpoAsync(string name, string title, string needs, IReward reward, MethodResult start, CancellationToken cancellationToken) =>
        MethodAsync(name, title, needs, plan.Grpo.MaxSteps, (policy, output) =>
            new GrpoTrainer(policy, subject.Train, reward, plan.Grpo with { Seed = seed, Output = output, Resume = stages.IsStarted(name) }, loggers), start,
            trainer => trainer.TrainAsync, cancellationToken);

    /// <summary>More of what made the start, with as many trained tokens as GRPO had.</summary>
    private async Task<MethodResult> MoreSftAsync(CompletionDataset demonstrations, MethodResult start, CancellationToken cancellationToken)
    {
        long budget = methods.First(method => method.Name == "grpo").TrainedTokens;
        double perStep = (double)start.TrainedTokens / plan.Sft.MaxSteps;
        SftOptions more = plan.Sft with
        {
            Seed = seed + 1,
            MaxSteps = (int)Math.Max(1, Math.Round(budget / perStep)),
            Optimizer = plan.Sft.Optimizer with { LearningRate = plan.Grpo.Optimizer.LearningRate, WarmupSteps = 0, Schedule = plan.Grpo.Optimizer.Schedule },
        };
        MethodResult result = await MethodAsync("more_sft", "more SFT", "demonstrations", more.MaxSteps, (policy, output) =>
            new SftTrainer(policy, demonstrations, more with { Output = output, Resume = stages.IsStarted("more_sft") }, loggers), start,
            trainer => trainer.TrainAsync, cancellationToken).ConfigureAwait(false);
        return result with { IsControl = true };
    }

    private async Task<(IReward Judge, ScoreModel Model, Proportion Accuracy, double Seconds)> RewardModelAsync(CancellationToken cancellationToken)
    {
        const string Stage = "reward_model";
        const float ScoreClip = 3;
        ScoreModel model = ScoreModel.From(subject.Start);
        using RewardTrainer trainer = new(model, subject.Pairs,
            plan.RewardModel with { Seed = seed, Output = stages.Folder(Stage), Resume = stages.IsStarted(Stage) }, loggers);
        TrainingResult training = await trainer.TrainAsync(watch("reward", plan.RewardModel.MaxSteps), cancellationToken).ConfigureAwait(false);
        if (!stages.TryLoad(Stage, StageJson.Default.RewardModelStage, out RewardModelStage? done))
        {
            (int right, int count) = trainer.Evaluate(subject.HeldOutPairs);
            done = new RewardModelStage(training, new Proportion(right, count));
            stages.Save(Stage, done, StageJson.Default.RewardModelStage);
        }

        return (Reward.FromModel(model, trainer.Moments(subject.Pairs), ScoreClip), model, done.Accuracy, done.Training.Seconds);
    }

    private delegate Task<TrainingResult> Train(IProgress<TrainingProgress>? progress, CancellationToken cancellationToken);

    private async Task<MethodResult> MethodAsync<T>(string name, string title, string needs, int steps,
        Func<LanguageModel, string, T> make, MethodResult start, Func<T, Train> train, CancellationToken cancellationToken) where T : IDisposable
    {
        if (stages.TryLoad(name, StageJson.Default.MethodStage, out MethodStage? done))
        {
            answers[name] = done.Answers;
            return done.Result;
        }

        using LanguageModel policy = subject.Start.Clone(trainable: true);
        CurveRecorder recorder = new(name, stages, judge, policy, plan.Compare, watch(name, steps));
        recorder.Begin();
        using T trainer = make(policy, stages.Folder(name));
        TrainingResult result = await train(trainer)(recorder, cancellationToken).ConfigureAwait(false);
        Judge(name, policy, out Judgement? greedy, out Judgement sampled);
        double seconds = result.Seconds - recorder.Seconds;
        MethodResult method = new()
        {
            Name = name,
            Title = title,
            Label = Labels.GetValueOrDefault(name, title),
            Needs = needs,
            AccuracyBefore = start.AccuracyAfter,
            AccuracyAfter = Accuracy(greedy),
            RewardBefore = start.RewardAfter,
            RewardAfter = sampled.Reward,
            Kl = sampled.Kl,
            Samples = result.Samples,
            TrainedTokens = result.TrainedTokens,
            TokensPerSecond = result.TokensPerSecond * result.Seconds / seconds,
            Seconds = seconds,
            PeakBytes = result.PeakBytes,
            MismatchBits = result.MismatchBits,
            ComparedTokens = result.ComparedTokens,
            Curve = recorder.Points,
            Losses = RunMetrics.Read(Path.Combine(stages.Folder(name), "metrics.jsonl")).Find(MetricNames.Loss) ?? [],
        };
        stages.Save(name, new MethodStage(method, answers[name]), StageJson.Default.MethodStage);
        return method;
    }

    private void Judge(string name, LanguageModel policy, out Judgement? greedy, out Judgement sampled)
    {
        greedy = subject.HasAccuracy ? judge.Greedy(policy) : null;
        sampled = judge.Sample(policy, subject.HeldOut.Count, subject.JudgedSamples, FinalDraw);
        answers[name] = greedy ?? sampled;
    }

    private static Proportion? Accuracy(Judgement? greedy) => greedy is null ? null : new Proportion(greedy.Right, greedy.Count);

    private IReadOnlyList<SideBySide> SideBySide()
    {
        int perPrompt = subject.HasAccuracy ? 1 : subject.JudgedSamples;
        return [.. subject.HeldOut.Take(ReportedPrompts).Select((prompt, row) => new SideBySide(prompt.Prompt,
            subject.HasAccuracy ? prompt.Columns?.GetValueOrDefault(SumsTask.AnswerColumn) : null,
            [.. answers.Select(entry => new Answer(
                entry.Key == "start" ? methods[0].Name : entry.Key,
                entry.Value.Texts[row * perPrompt],
                subject.HasAccuracy ? entry.Value.Rewards[row * perPrompt] >= 1 : null,
                subject.HasAccuracy ? null : entry.Value.Rewards[row * perPrompt]))]))];
    }
}
