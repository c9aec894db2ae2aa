using System.Text.Json;
using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests.Training;

/// <summary>CleanRL's update on a given rollout: 2 passes of 4 minibatches, step by step.</summary>
public sealed class ControlGoldenTests : IDisposable
{
    private const int Steps = 16, Environments = 3, Observations = 5, Actions = 2;
    private const double Relative = 2e-3, Absolute = 2e-4;

    private readonly Device device = TestDevice.Open();

    public void Dispose() => device.Dispose();

    [Fact]
    public void EveryOptimizerStepMatchesCleanRl()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(SharedFolder.Require("golden/e2e/classic_ppo_2_epochs.json")));
        JsonElement given = document.RootElement.GetProperty("rollout"), expected = document.RootElement.GetProperty("expected").GetProperty("float64");
        using SafetensorsReader reader = SafetensorsReader.Open(SharedFolder.Require("golden/e2e/ppo_mlp_init.safetensors"));
        ControlPolicyConfig config = new() { ObservationSize = Observations, ActionSize = Actions, HiddenSizes = [32, 32] };
        using ControlPolicy policy = ControlPolicy.LoadWeights(reader, device, config, trainable: true, static name => name);
        ControlOptions options = new()
        {
            ClipRange = 0.2f,
            ClipRangeValue = 0.2f,
            EntropyCoefficient = 0.01f,
            ValueCoefficient = 0.5f,
            Anneal = false,
            Optimizer = new OptimizerOptions { LearningRate = 1e-3f, Epsilon = 1e-5f, MaxGradientNorm = 0.5f, Schedule = LearningRateSchedule.Constant },
        };
        ControlRollout rollout = new(Environments, Steps, Observations, Actions);
        int[] size = [.. given.GetProperty("minibatch_permutations")[0].EnumerateArray().Select(value => value.GetInt32())];
        int minibatch = size.Length / 4;
        using ControlUpdate update = new(policy, rollout, options, minibatch, totalSteps: 8);
        Fill(rollout, policy, given);
        rollout.Estimate(update.Arena, 0.99f, 0.95f);

        JsonElement computed = expected.GetProperty("rollout");
        AssertColumn(computed.GetProperty("logprobs"), rollout.Logprobs);
        AssertColumn(computed.GetProperty("values"), rollout.Values);
        AssertColumn(computed.GetProperty("advantages"), rollout.Advantages);
        AssertColumn(computed.GetProperty("returns"), rollout.Returns);

        TrainingTotals totals = new();
        int step = 0;
        foreach (JsonElement permutation in given.GetProperty("minibatch_permutations").EnumerateArray())
        {
            int[] order = [.. permutation.EnumerateArray().Select(value => RowOf(value.GetInt32()))];
            for (int part = 0; part < 4; part++, step++)
            {
                MinibatchLoss loss = (MinibatchLoss)update.Step(order.AsSpan(part * minibatch, minibatch), step == 0 ? totals : null)!;
                AssertClose(expected, "loss", step, loss.Loss);
                AssertClose(expected, "pg_loss", step, loss.PolicyLoss);
                AssertClose(expected, "v_loss", step, loss.ValueLoss);
                AssertClose(expected, "entropy_loss", step, loss.Entropy);
                AssertClose(expected, "old_approx_kl", step, loss.OldApproxKl);
                AssertClose(expected, "approx_kl", step, loss.ApproxKl);
                AssertClose(expected, "clipfrac", step, loss.ClipFraction);
                AssertClose(expected, "grad_norm", step, loss.GradientNorm);
            }
        }

        Assert.Equal(8, step);
        Assert.Equal((0, minibatch), (totals.MismatchBits, totals.ComparedTokens));
        foreach (JsonProperty checksum in expected.GetProperty("final_weights").EnumerateObject())
        {
            AssertWeights(checksum, policy.Store.Find(checksum.Name)!.Value.ToArray<float>());
        }
    }

    /// <summary>Sample t of environment e: CleanRL counts t * environments + e, a rollout here e * steps + t.</summary>
    private static int RowOf(int index) => index % Environments * Steps + index / Environments;

    private static void Fill(ControlRollout rollout, ControlPolicy policy, JsonElement given)
    {
        float[] observations = Data(given.GetProperty("obs")), actions = Data(given.GetProperty("actions"));
        float[] rewards = Data(given.GetProperty("rewards")), dones = Data(given.GetProperty("dones")), lastDone = Data(given.GetProperty("next_done"));
        float[] values = new float[Environments], logprobs = new float[Environments];
        byte[] terminated = new byte[Environments];
        using Arena arena = new(policy.Device, policy.ActivationBytes(Environments));
        Tape tape = new(arena);
        for (int t = 0; t < Steps; t++)
        {
            // CleanRL keeps the flag that stood before the step; ours is the one that the step produced.
            for (int e = 0; e < Environments; e++)
            {
                terminated[e] = (byte)(t + 1 < Steps ? dones[(t + 1) * Environments + e] : lastDone[e]);
            }

            using ArenaScope scope = arena.Enter();
            ReadOnlySpan<float> inputs = observations.AsSpan(t * Environments * Observations, Environments * Observations);
            ReadOnlySpan<float> taken = actions.AsSpan(t * Environments * Actions, Environments * Actions);
            Tensor x = policy.Upload(arena, inputs);
            policy.Critic(tape, x).CopyTo(values.AsSpan());
            policy.Head.Logprob(arena, policy.Actor(tape, x), policy.Head.Upload(arena, taken)).Logprob.CopyTo(logprobs.AsSpan());
            rollout.Store(t, inputs, taken, logprobs, values, rewards.AsSpan(t * Environments, Environments), terminated, new byte[Environments]);
        }

        rollout.Bootstrap(policy, Data(given.GetProperty("next_obs")));
    }

    private static void AssertColumn(JsonElement expected, float[] actual)
    {
        float[] data = Data(expected);
        for (int i = 0; i < data.Length; i++)
        {
            Assert.Equal(data[i], actual[RowOf(i)], Absolute + Relative * Math.Abs(data[i]));
        }
    }

    private static void AssertClose(JsonElement expected, string name, int step, double actual)
    {
        double wanted = expected.GetProperty(name)[step].GetDouble();
        Assert.True(Math.Abs(actual - wanted) <= Absolute + Relative * Math.Abs(wanted), $"{name} of step {step}: wanted {wanted}, got {actual}");
    }

    private static void AssertWeights(JsonProperty expected, float[] weights)
    {
        double length = Math.Sqrt(weights.Sum(value => (double)value * value));
        double wanted = expected.Value.GetProperty("l2").GetDouble();
        Assert.True(Math.Abs(length - wanted) <= 1e-4 * wanted + 1e-5, $"{expected.Name}: length {length}, wanted {wanted}");
        float[] first = [.. expected.Value.GetProperty("first").EnumerateArray().Select(value => value.GetSingle())];
        for (int i = 0; i < first.Length; i++)
        {
            Assert.Equal(first[i], weights[i], 1e-4f);
        }
    }

    private static float[] Data(JsonElement tensor) => [.. tensor.GetProperty("data").EnumerateArray().Select(value => value.GetSingle())];
}
