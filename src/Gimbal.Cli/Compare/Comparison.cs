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
    private const long FinalDraw = 1 << 20;

    private readonly CompareSubject subject;
    private readonly ComparePlan plan;
    private readonly RunFolder run;
    private readonly ulong seed;
    private readonly ILoggerFactory loggers;
    private readonly Func<string, int, IProgress<TrainingProgress>> watch;
    private readonly PolicyJudge judge;
    private readonly List<MethodResult> methods = [];
    private readonly Dictionary<string, Judgement> answers = [];

    /// <param name="subject">What the methods share.</param>
    /// <param name="plan">Options of each.</param>
    /// <param name="run">Receives each method's run folder.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="loggers">Where events go.</param>
    /// <param name="watch">Makes a display for a run of so many steps.</param>
    public Comparison(CompareSubject subject, ComparePlan plan, RunFolder run, ulong seed, ILoggerFactory loggers,
        Func<string, int, IProgress<TrainingProgress>> watch)
    {
        (this.subject, this.plan, this.run, this.seed, this.loggers, this.watch) = (subject, plan, run, seed, loggers, watch);
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
                new PpoTrainer(policy, scorer.Clone(trainable: true), subject.Train, judgeModel, plan.Ppo with { Seed = seed, Output = options }, loggers), start,
                trainer => trainer.TrainAsync, cancellationToken).ConfigureAwait(false);
            methods.Add(ppo with { RewardModelAccuracy = accuracy, Seconds = ppo.Seconds + seconds });
        }

        methods.Add(await MethodAsync("dpo", "DPO", "preference pairs", plan.Dpo.MaxSteps, (policy, options) =>
            new DpoTrainer(policy, subject.Pairs, plan.Dpo with { Seed = seed, Output = options }, loggers), start,
            trainer => trainer.TrainAsync, cancellationToken).ConfigureAwait(false));
        methods.Add(await GrpoAsync("grpo", "GRPO", "a verifier", subject.Reward, start, cancellationToken).ConfigureAwait(false));
        if (plan.Compare.Controls && subject.Demonstrations is { } demonstrations)
        {
            methods.Add(await GrpoAsync("shuffled", "GRPO, shuffled rewards", "nothing: a control", Reward.Shuffled(subject.Reward, seed), start,
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
        TrainingResult? training = subject.StartTraining;
        return new MethodResult
        {
            Name = subject.StartTraining is null ? "start" : "sft",
            Title = subject.StartTraining is null ? "the model as given" : "SFT, the start",
            Label = subject.StartTraining is null ? "start" : "SFT",
            Needs = subject.StartTraining is null ? "nothing" : "demonstrations",
            AccuracyBefore = Accuracy(greedy),
            AccuracyAfter = Accuracy(greedy),
            RewardBefore = sampled.Reward,
            RewardAfter = sampled.Reward,
            Kl = 0,
            Seconds = training?.Seconds ?? 0,
            Samples = training?.Samples ?? 0,
            TrainedTokens = training?.TrainedTokens ?? 0,
            TokensPerSecond = training?.TokensPerSecond ?? 0,
            PeakBytes = training?.PeakBytes ?? 0,
        };
    }

    private Task<MethodResult> GrpoAsync(string name, string title, string needs, IReward reward, MethodResult start, CancellationToken cancellationToken) =>
        MethodAsync(name, title, needs, plan.Grpo.MaxSteps, (policy, output) =>
            new GrpoTrainer(policy, subject.Train, reward, plan.Grpo with { Seed = seed, Output = output }, loggers), start,
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
        MethodResult result = await MethodAsync("more_sft", "SFT, more of it", "nothing: a control", more.MaxSteps, (policy, output) =>
            new SftTrainer(policy, demonstrations, more with { Output = output }, loggers), start,
            trainer => trainer.TrainAsync, cancellationToken).ConfigureAwait(false);
        return result with { IsControl = true };
    }

    private async Task<(IReward Judge, ScoreModel Model, Proportion Accuracy, double Seconds)> RewardModelAsync(CancellationToken cancellationToken)
    {
        ScoreModel model = ScoreModel.From(subject.Start);
        using RewardTrainer trainer = new(model, subject.Pairs, plan.RewardModel with { Seed = seed, Output = run.File("reward_model") }, loggers);
        TrainingResult result = await trainer.TrainAsync(watch("reward", plan.RewardModel.MaxSteps), cancellationToken).ConfigureAwait(false);
        (int right, int count) = trainer.Evaluate(subject.HeldOutPairs);
        IReward judgeModel = Reward.FromModel(model, trainer.Moments(subject.Pairs), clip: 3);
        return (judgeModel, model, new Proportion(right, count), result.Seconds);
    }

    private delegate Task<TrainingResult> Train(IProgress<TrainingProgress>? progress, CancellationToken cancellationToken);

    private async Task<MethodResult> MethodAsync<T>(string name, string title, string needs, int steps,
        Func<LanguageModel, string, T> make, MethodResult start, Func<T, Train> train, CancellationToken cancellationToken) where T : IDisposable
    {
        using LanguageModel policy = subject.Start.Clone(trainable: true);
        using T trainer = make(policy, run.File(name));
        CurveRecorder recorder = new(judge, policy, plan.Compare, watch(name, steps));
        TrainingResult result = await train(trainer)(recorder, cancellationToken).ConfigureAwait(false);
        Judge(name, policy, out Judgement? greedy, out Judgement sampled);
        return new MethodResult
        {
            Name = name,
            Title = title,
            Label = title,
            Needs = needs,
            AccuracyBefore = start.AccuracyBefore,
            AccuracyAfter = Accuracy(greedy),
            RewardBefore = start.RewardBefore,
            RewardAfter = sampled.Reward,
            Kl = sampled.Kl,
            Samples = result.Samples,
            TrainedTokens = result.TrainedTokens,
            TokensPerSecond = result.TokensPerSecond,
            Seconds = result.Seconds - recorder.Seconds,
            PeakBytes = result.PeakBytes,
            MismatchBits = result.MismatchBits,
            ComparedTokens = result.ComparedTokens,
            Curve = recorder.Points,
            Losses = recorder.Losses,
        };
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

/// <summary>Measures a policy a few times along its training, on the thread that trains it, and keeps its losses.</summary>
internal sealed class CurveRecorder(PolicyJudge judge, LanguageModel policy, CompareOptions options, IProgress<TrainingProgress> next)
    : IProgress<TrainingProgress>
{
    private readonly List<CurvePoint> points = [];
    private readonly List<double> losses = [];

    /// <summary>The curve so far.</summary>
    public IReadOnlyList<CurvePoint> Points => points;

    /// <summary>Training loss of each step.</summary>
    public IReadOnlyList<double> Losses => losses;

    /// <summary>Seconds that measuring took: not the method's.</summary>
    public double Seconds { get; private set; }

    public void Report(TrainingProgress value)
    {
        losses.Add(value.Metrics[MetricNames.Loss]);
        int intervals = options.CurvePoints - 1;
        if ((long)value.Step * intervals / value.MaxSteps > (long)(value.Step - 1) * intervals / value.MaxSteps)
        {
            System.Diagnostics.Stopwatch clock = System.Diagnostics.Stopwatch.StartNew();
            Judgement measured = judge.Sample(policy, options.CurvePrompts, 1, points.Count);
            points.Add(new CurvePoint((double)value.Step / value.MaxSteps, measured.Reward, measured.Kl, measured.Entropy, measured.Length));
            Seconds += clock.Elapsed.TotalSeconds;
        }

        next.Report(value);
    }
}
