using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>
/// On the first on-policy step the gradient of every clipped objective is that of REINFORCE, -E[A grad log pi] (Williams 1992). The
/// right-hand side comes from differences of log-probabilities along each weight's share of the gradient found.
/// </summary>
public sealed class PolicyGradientOracleTests
{
    [Theory]
    [InlineData(PolicyLossKind.Clip, RatioLevel.Token)]
    [InlineData(PolicyLossKind.Cispo, RatioLevel.Token)]
    [InlineData(PolicyLossKind.Clip, RatioLevel.SequenceToken)]
    public async Task GroupMethods(PolicyLossKind loss, RatioLevel ratio)
    {
        using TrainerSubject subject = new();
        List<Sample> drawn = [];
        LanguageModel policy = subject.Model();
        using GrpoTrainer trainer = new(policy, subject.Prompts, Recording(drawn), new GrpoOptions
        {
            MaxSteps = 1, PromptsPerStep = 3, GroupSize = 4, MicroBatch = 5, Loss = loss, Ratio = ratio, Beta = 0,
            Scale = AdvantageScale.None, Normalizer = LossNormalizer.Sequences, Optimizer = PlainGradient,
            Sampling = TrainerSubject.Sampling,
        });
        await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(12, drawn.Count);
        ILookup<string, Sample> groups = drawn.ToLookup(sample => sample.Prompt);
        AssertReinforce(subject, policy, drawn, [.. drawn.Select(sample =>
            (Score(sample) - groups[sample.Prompt].Average(Score)) / (drawn.Count * sample.CompletionIds.Length))]);
    }

    // A value model of zeros leaves the return as the advantage of every token.
    [Fact]
    public async Task Ppo()
    {
        using TrainerSubject subject = new();
        List<Sample> drawn = [];
        LanguageModel policy = subject.Model();
        using ScoreModel value = ScoreModel.From(policy);
        using PpoTrainer trainer = new(policy, value, subject.Prompts, Recording(drawn), new PpoOptions
        {
            MaxSteps = 1, Rollouts = 8, Epochs = 1, MicroBatch = 3, KlCoefficient = 0, Lambda = 1, WhitenAdvantages = false,
            Optimizer = PlainGradient, Sampling = TrainerSubject.Sampling,
        });
        await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        int tokens = drawn.Sum(sample => sample.CompletionIds.Length);
        AssertReinforce(subject, policy, drawn, [.. drawn.Select(sample => Score(sample) / tokens)]);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(3, false)]
    [InlineData(0, true)]
    public void ClassicPpo(int choices, bool stateDependentNoise)
    {
        const int Rows = 40;
        using Device device = TestDevice.Open();
        using ControlPolicy policy = Control(), start = Control();
        ControlRollout rollout = new(1, Rows, 3, policy.Config.ActionSize);
        Philox.Normal(rollout.Observations, 1, 1, 1);
        Philox.Normal(rollout.Advantages, 1, 1, 2);
        policy.Sample(rollout.Observations, 1, 0, rollout.Actions, rollout.Logprobs, rollout.Values);
        ControlOptions options = new() { ValueCoefficient = 0, NormalizeAdvantages = false, Anneal = false, Optimizer = PlainGradient };
        using ControlUpdate update = new(policy, rollout, options, Rows, 1);
        MinibatchLoss loss = (MinibatchLoss)update.Step([.. Enumerable.Range(0, Rows)], null)!;
        Assert.Equal((0, 0, 0), (loss.ApproxKl, loss.OldApproxKl, loss.ClipFraction));
        Assert.Equal(-rollout.Advantages.Average(), loss.PolicyLoss, 1e-6);

        // No gradient flows through the features of the noise: the hidden layers are left to the other two.
        Func<string, bool> which = name => name.StartsWith(stateDependentNoise ? "actor_mean.2" : "actor", StringComparison.Ordinal)
            || name == "actor_logstd";
        AssertGradient(start.Store, policy.Store, which, () =>
        {
            using Arena arena = new(device, policy.ActivationBytes(Rows));
            Tape tape = new(arena);
            ActorOutput output = start.Actor(tape, start.Upload(arena, rollout.Observations));
            float[] logprobs = start.Head.Logprob(arena, output, start.Head.Upload(arena, rollout.Actions)).Logprob.ToArray<float>();
            return -logprobs.Zip(rollout.Advantages, (logprob, advantage) => (double)logprob * advantage).Average();
        });

        ControlPolicy Control() => new(device, new ControlPolicyConfig
        {
            ObservationSize = 3,
            ActionSize = choices > 0 ? 1 : 2,
            Choices = choices,
            HiddenSizes = [6],
            StateDependentNoise = stateDependentNoise,
        }, seed: 3);
    }

    /// <summary>The first moment is then the gradient itself.</summary>
    private static OptimizerOptions PlainGradient { get; } = TrainerSubject.Adam with { Beta1 = 0 };

    private static double Score(Sample sample) => sample.CompletionIds.ToArray().Sum() % 7 / 7.0 - 0.3;

    private static IReward Recording(List<Sample> drawn) => Reward.Create(sample =>
    {
        lock (drawn)
        {
            drawn.Add(sample);
        }

        return (float)Score(sample);
    });

    private static void AssertReinforce(TrainerSubject subject, LanguageModel trained, List<Sample> drawn, double[] weights)
    {
        LanguageModel start = subject.Model();
        TokenSequence[] sequences = [.. drawn.Select(sample =>
            new TokenSequence([.. sample.PromptIds.Span, .. sample.CompletionIds.Span], sample.PromptIds.Length))];
        float[] logprobs = new float[sequences.Sum(sequence => sequence.CompletionLength)];
        int longest = sequences.Max(sequence => sequence.Tokens.Length);
        using PolicyPass pass = new(start.Device, MemoryPlan.TrainingBytes(start, sequences.Length, longest));
        AssertGradient(start.Store, trained.Store, _ => true, () =>
        {
            pass.Logprobs(start, sequences, 1, sequences.Length, logprobs);
            int next = 0;
            double Sum(int tokens) => Enumerable.Range(0, tokens).Sum(_ => (double)logprobs[next++]);
            return -sequences.Zip(weights, (sequence, weight) => weight * Sum(sequence.CompletionLength)).Sum();
        });
    }

    /// <summary>Along each weight's share of the gradient, made a unit, the loss rises by the length of the share.</summary>
    private static void AssertGradient(ParameterStore start, ParameterStore trained, Func<string, bool> which, Func<double> loss)
    {
        const float Step = 0.005f;
        double total = Length(trained.FirstMoment.ToArray<float>());
        Assert.True(total > 1e-3);
        foreach (Parameter parameter in start.Parameters.Where(parameter => which(parameter.Name)))
        {
            float[] weights = parameter.Value.ToArray<float>(), gradient = TrainerRun.MomentOf(trained, trained.Find(parameter.Name)!);
            double length = Length(gradient);
            double Moved(float step)
            {
                parameter.Value.CopyFrom<float>([.. weights.Zip(gradient, (w, g) => w + (float)(step * g / length))]);
                start.Touch();
                return loss();
            }

            double rise = length == 0 ? 0 : (Moved(Step) - Moved(-Step)) / (2 * Step);
            Moved(0);
            Assert.True(Math.Abs(rise - length) <= 5e-4 * total, // measured: 2.1e-4, of the differences
                $"{parameter.Name}: the loss rises by {rise}, the gradient is {length} of {total}");
        }
    }

    private static double Length(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));
}
