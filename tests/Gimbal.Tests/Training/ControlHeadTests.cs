using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;
using static Gimbal.Tests.Training.ControlPolicyTests;

namespace Gimbal.Tests.Training;

/// <summary>The distributions of actions: what sampler and trainer say of them, and their gradients.</summary>
public sealed class ControlHeadTests : IDisposable
{
    private readonly Device device = TestDevice.Open();

    public void Dispose() => device.Dispose();

    /// <summary>Rows 300 go through the sampler in chunks, and through the trainer in minibatches of another size.</summary>
    [Theory]
    [InlineData("gaussian", 1)]
    [InlineData("gaussian", 7)]
    [InlineData("categorical", 33)]
    [InlineData("categorical", 300)]
    [InlineData("noise of the state", 7)]
    [InlineData("squashed", 33)]
    [InlineData("squashed, noise of the state", 300)]
    public void SamplerAndTrainerAgreeBitForBit(string kind, int minibatch)
    {
        const int Rows = 300;
        using ControlPolicy policy = Of(kind);
        Disturb(policy);
        float[] observations = Numbers(Rows * 4, seed: 1), actions = new float[Rows * policy.Config.ActionSize];
        float[] logprobs = new float[Rows], values = new float[Rows];
        policy.Sample(observations, seed: 5, step: 17, actions, logprobs, values);
        (float[] Logprobs, float[] Values) again = Score(policy, observations, actions, minibatch);
        Assert.Equal(Bits(logprobs), Bits(again.Logprobs));
        Assert.Equal(Bits(values), Bits(again.Values));
    }

    /// <summary>Over many random maps an action has the variance that its log-probability is of; a map stays while the draw does.</summary>
    [Fact]
    public void NoiseOfTheStateIsALinearMapOfIt()
    {
        const int Draws = 4000, Environments = 2;
        using ControlPolicy policy = Of("noise of the state");
        Disturb(policy);
        float[] near = [0.3f, -0.2f, 0.5f, 0.1f], one = [.. near, .. Numbers(4, seed: 3)], mean = new float[6], actions = new float[6];
        policy.Act(one, mean);
        double[] squares = new double[3], products = new double[3];
        double logprob = 0;
        for (ulong draw = 0; draw < Draws; draw++)
        {
            float[] logprobs = new float[Environments];
            policy.Sample(one, 1, draw, actions, logprobs, new float[Environments]);
            logprob += logprobs[0] / (double)Draws;
            for (int i = 0; i < 3; i++)
            {
                squares[i] += Math.Pow(actions[i] - mean[i], 2) / Draws;
                products[i] += (actions[i] - mean[i]) * (actions[3 + i] - mean[3 + i]) / Draws;
            }
        }

        double[] variance = Variance(policy, near);
        for (int i = 0; i < 3; i++)
        {
            Assert.InRange(squares[i] / variance[i], 0.9, 1.1); // 4 / sqrt(2 Draws)
            Assert.InRange(products[i] / Math.Sqrt(variance[i] * Variance(policy, one[4..])[i]), -0.07, 0.07);
        }

        Assert.Equal(variance.Sum(v => -0.5 * (1 + Math.Log(2 * Math.PI * v))), logprob, 0.1);

        // The same draw: twice the same noise, and noise of the features alone. Another environment or draw: other noise.
        float[] again = new float[6];
        policy.Sample(one, 1, Draws - 1, again, new float[Environments], new float[Environments]);
        Assert.Equal(actions, again);
        policy.Sample([.. near, .. near], 1, Draws - 1, again, new float[Environments], new float[Environments]);
        Assert.Equal(actions[..3], again[..3]);
        Assert.NotEqual(again[..3], again[3..]);
        policy.Sample(one, 1, Draws, again, new float[Environments], new float[Environments]);
        Assert.NotEqual(actions, again);
    }

    /// <summary>log p of a squashed action is that of the number before less log(1 - tanh^2); the entropy is its negative.</summary>
    [Theory]
    [InlineData("gaussian")]
    [InlineData("noise of the state")]
    public void SquashedActionsChangeTheDensityByTheSlopeOfTanh(string kind)
    {
        using ControlPolicy plain = Of(kind), squashed = Of($"squashed, {kind}");
        Disturb(plain);
        squashed.Store.Weights.CopyFrom(plain.Store.Weights);
        squashed.Store.Touch();
        float[] observations = Numbers(4 * 50, seed: 6), actions = new float[150], same = new float[150];
        float[] before = new float[50], after = new float[50];
        plain.Sample(observations, 1, 2, actions, before, new float[50]);
        squashed.Sample(observations, 1, 2, same, after, new float[50]);
        Assert.Equal(actions, same);
        for (int row = 0; row < 50; row++)
        {
            double slopes = actions[(3 * row)..(3 * row + 3)].Sum(x => Math.Log(1 - Math.Pow(Math.Tanh(x), 2) + 1e-6));
            Assert.Equal(before[row] - slopes, after[row], 1e-3 * (1 + Math.Abs(slopes)));
        }

        squashed.Config.Bound(Space.Box(-2, 4, 3), same);
        Assert.All(same.Zip(actions), pair => Assert.Equal(1 + 3 * Math.Tanh(pair.Second), pair.First, 1e-5));
    }

    /// <summary>The derivative of sum_r a_r log p_r + b_r entropy_r along a direction of the last layer and of the deviations.</summary>
    [Theory]
    [InlineData("gaussian")]
    [InlineData("noise of the state")]
    [InlineData("squashed")]
    [InlineData("squashed, noise of the state")]
    public void GradientsOfTheHeadAreDerivatives(string kind)
    {
        const int Rows = 20;
        const float Step = 1e-2f;
        using ControlPolicy policy = Of(kind);
        Disturb(policy);
        float[] observations = Numbers(4 * Rows, seed: 1), actions = Numbers(3 * Rows, seed: 2);
        float[] a = Numbers(Rows, seed: 3), b = Numbers(Rows, seed: 4);
        using Arena arena = new(device, 4 * policy.ActivationBytes(Rows));
        Tape tape = new(arena) { Recording = true };
        double Total(bool backward)
        {
            using ArenaScope scope = arena.Enter();
            ActorOutput output = policy.Actor(tape, policy.Upload(arena, observations));
            Tensor taken = policy.Head.Upload(arena, actions);
            ActionLogprob forward = policy.Head.Logprob(arena, output, taken);
            if (backward)
            {
                policy.Head.Backward(tape, output, taken, forward, Fill(arena.Allocate(DType.Float32, [Rows]), a),
                    Fill(arena.Allocate(DType.Float32, [Rows]), b));
                tape.Backward();
            }

            tape.Reset();
            return Product(forward.Logprob.ToArray<float>(), a) + Product(forward.Entropy.ToArray<float>(), b);
        }

        float[] Direction(Parameter parameter) => Numbers((int)parameter.Shape.Count, seed: 5);
        Parameter[] parameters = [policy.Store.Find("actor_mean.4.weight")!, policy.Store.Find("actor_logstd")!];
        policy.Store.Gradients.Clear();
        Total(backward: true);
        double derivative = parameters.Sum(p => Product(p.Gradient.ToArray<float>(), Direction(p)));
        double Moved(float step)
        {
            foreach (Parameter p in parameters)
            {
                Fill(p.Value, [.. p.Value.ToArray<float>().Zip(Direction(p), (w, d) => w + step * d)]);
            }

            policy.Store.Touch();
            return Total(backward: false);
        }

        double ahead = Moved(Step), behind = Moved(-2 * Step);
        Assert.Equal((ahead - behind) / (2 * Step), derivative, 1e-2 * (1 + Math.Abs(derivative))); // measured: 2e-3
    }

    /// <summary>Log-probabilities and values as the trainer computes them.</summary>
    private static (float[] Logprobs, float[] Values) Score(ControlPolicy policy, float[] observations, float[] actions, int minibatch)
    {
        int rows = observations.Length / policy.Config.ObservationSize, size = policy.Config.ActionSize;
        List<float> logprobs = [], values = [];
        using Arena arena = new(policy.Device, policy.ActivationBytes(minibatch));
        Tape tape = new(arena) { Recording = true };
        for (int start = 0; start < rows; start += minibatch)
        {
            int count = Math.Min(minibatch, rows - start);
            using ArenaScope scope = arena.Enter();
            Tensor x = policy.Upload(arena, observations.AsSpan(start * policy.Config.ObservationSize, count * policy.Config.ObservationSize));
            ActorOutput output = policy.Actor(tape, x);
            values.AddRange(policy.Critic(tape, x).ToArray<float>());
            logprobs.AddRange(policy.Head.Logprob(arena, output, policy.Head.Upload(arena, actions.AsSpan(start * size, count * size))).Logprob.ToArray<float>());
            tape.Reset();
        }

        return ([.. logprobs], [.. values]);
    }

    /// <summary>Of observations of 4, with 3 actions or choices.</summary>
    private ControlPolicy Of(string kind) => new(device, new ControlPolicyConfig
    {
        ObservationSize = 4,
        ActionSize = kind == "categorical" ? 1 : 3,
        Choices = kind == "categorical" ? 3 : 0,
        StateDependentNoise = kind.Contains("noise of the state", StringComparison.Ordinal),
        SquashesActions = kind.Contains("squashed", StringComparison.Ordinal),
        InitialLogStd = -1,
    }, seed: 1);

    /// <summary>v_i = sum_k f_k^2 exp(2 log_std_ik), f the last hidden layer, in double.</summary>
    private static double[] Variance(ControlPolicy policy, float[] observation)
    {
        double[] x = [.. observation.Select(value => (double)value)];
        foreach (int layer in (int[])[0, 2])
        {
            float[] w = policy.Store.Find($"actor_mean.{layer}.weight")!.Value.ToArray<float>();
            float[] b = policy.Store.Find($"actor_mean.{layer}.bias")!.Value.ToArray<float>();
            x = [.. b.Select((bias, row) => Math.Tanh(bias + x.Select((value, column) => value * w[row * x.Length + column]).Sum()))];
        }

        float[] logStd = policy.Store.Find("actor_logstd")!.Value.ToArray<float>();
        return [.. Enumerable.Range(0, 3).Select(i => x.Select((f, k) => Math.Pow(f * Math.Exp(logStd[i * x.Length + k]), 2)).Sum())];
    }

    private static double Product(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();

    private static Tensor Fill(Tensor tensor, float[] values)
    {
        tensor.CopyFrom<float>(values);
        return tensor;
    }
}
