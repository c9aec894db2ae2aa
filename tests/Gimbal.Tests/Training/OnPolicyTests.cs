using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>
/// What the sampler records for a token has the bits that the training forward pass computes: for any batch and micro-batch, one
/// thread or two, prompts shared or not, past a page and past a split of attention.
/// </summary>
public sealed class OnPolicyTests
{
    public static TheoryData<string, DType, int, int, int> Cases => new()
    {
        { "cpu", DType.Float32, 1, 1, 1 },
        { "cpu", DType.Float32, 64, 5, 2 },
        { "cpu", DType.Float32, 24, 64, 1 },
        { "cpu", DType.BFloat16, 1, 1, 1 },
        { "cpu", DType.BFloat16, 64, 5, 2 },
        { "cpu", DType.BFloat16, 24, 64, 1 },
        { "cuda:0", DType.BFloat16, 1, 1, 1 },
        { "cuda:0", DType.BFloat16, 12, 5, 1 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void SamplerAndTrainerAgree(string device, DType dtype, int batch, int microBatch, int threads) => TestDevice.On(device, () =>
    {
        Check(dtype, batch, microBatch, threads, promptLength: 35, newTokens: 12);
        return true;
    });

    [Theory]
    [InlineData("cpu", DType.Float32)]
    [InlineData("cpu", DType.BFloat16)]
    [InlineData("cuda:0", DType.BFloat16)]
    public void LongSequencesAgree(string device, DType dtype) => TestDevice.On(device, () =>
    {
        Check(dtype, batch: 2, microBatch: 2, threads: 2, promptLength: 250, newTokens: 10);
        return true;
    });

    [Fact]
    public async Task VerifiedRolloutsLeaveTheRunAlone()
    {
        Assert.Equal(await Grpo(verify: false), await Grpo(verify: true));

        static async Task<float[]> Grpo(bool verify)
        {
            using TrainerSubject subject = new();
            LanguageModel policy = subject.Model();
            using GrpoTrainer trainer = new(policy, subject.Prompts, subject.Reward, new GrpoOptions
            {
                MaxSteps = 2,
                PromptsPerStep = 2,
                GroupSize = 3,
                MicroBatch = 4,
                VerifyRollouts = verify,
                Sampling = TrainerSubject.Sampling with { Temperature = 0.9f, TopK = 6 },
            });
            await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
            return policy.Store.Weights.ToArray<float>();
        }
    }

    [Fact]
    public void OneDifferingBitIsReported()
    {
        using TrainerSubject subject = new();
        LanguageModel model = subject.Model();
        TokenSequence[] sequences = [new([1, 2, 3, 4], 2), new([5, 6, 7], 1)];
        using PolicyPass pass = new(subject.Device, MemoryPlan.TrainingBytes(model, 2, 4));
        float[] recorded = new float[4];
        pass.Logprobs(model, sequences, 1, 1, recorded);
        pass.Verify(model, sequences, 1, 2, recorded);
        recorded[2] = MathF.BitIncrement(recorded[2]);
        GimbalException error = Assert.Throws<GimbalException>(() => pass.Verify(model, sequences, 1, 2, recorded));
        Assert.Contains("token 2", error.Message, StringComparison.Ordinal);
    }

    private static void Check(DType dtype, int batch, int microBatch, int threads, int promptLength, int newTokens)
    {
        using Device device = TestDevice.Open(threads);
        using LanguageModel model = new(SharedPromptTests.Config with { MaxPositions = 320 }, SharedPromptTests.Letters(), device, seed: 3, dtype: dtype);
        // Groups of three equal prompts, of lengths on both sides of a page.
        int[][] prompts = [.. Enumerable.Range(0, batch).Select(i => Enumerable.Range(0, promptLength - i / 3).Select(t => (t + i / 3) * 7 % 26).ToArray())];
        IReadOnlyList<GeneratedSequence> drawn = model.Generate(prompts, new SamplingOptions { MaxNewTokens = newTokens, Temperature = 0.8f }, new DrawKey(1, 2, 0));
        float[] recorded = [.. drawn.SelectMany(sequence => sequence.Logprobs)], trained = new float[recorded.Length];
        using PolicyPass pass = new(device, MemoryPlan.TrainingBytes(model, microBatch, promptLength + newTokens));
        pass.Logprobs(model, [.. drawn.Select(sequence => new TokenSequence(sequence.Tokens, sequence.PromptLength))], 0.8f, microBatch, trained);
        Assert.Equal(batch * newTokens, recorded.Length);
        Assert.Equal(recorded.Select(BitConverter.SingleToInt32Bits), trained.Select(BitConverter.SingleToInt32Bits));
        Assert.True(recorded.Distinct().Count() > recorded.Length / 2);
    }
}
