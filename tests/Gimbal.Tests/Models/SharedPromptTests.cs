using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>Completions of equal prompts share the cache of the prompt: what is drawn, and its bits, are those of each alone.</summary>
public sealed class SharedPromptTests
{
    internal static ModelConfig Config { get; } = new()
    {
        Family = ModelFamily.Llama,
        VocabularySize = 26,
        HiddenSize = 32,
        IntermediateSize = 48,
        Layers = 2,
        QueryHeads = 4,
        KeyValueHeads = 2,
        HeadDim = 8,
        MaxPositions = 160,
        TieEmbeddings = true,
    };

    internal static CharacterTokenizer Letters() => new("abcdefghijklmnopqrstuvwxyz", pad: null, bos: null, eos: null);

    // Less than a page, exactly two, two and a bit; together, and a few at a time.
    [Theory]
    [InlineData(5, 16)]
    [InlineData(64, 16)]
    [InlineData(70, 16)]
    [InlineData(70, 3)]
    public void BitsAreThoseOfACompletionAlone(int length, int maxRows) => AreThoseOfACompletionAlone(length, maxRows, DType.Float32);

    [Theory]
    [InlineData("cpu")]
    [InlineData("cuda:0")]
    public void BFloat16BitsAreThoseOfACompletionAlone(string device) => TestDevice.On(device, () =>
    {
        AreThoseOfACompletionAlone(70, 16, DType.BFloat16);
        return true;
    });

    private static void AreThoseOfACompletionAlone(int length, int maxRows, DType dtype)
    {
        using Device device = TestDevice.Open(threads: 2);
        using LanguageModel model = new(Config, Letters(), device, seed: 3, trainable: false, dtype);
        int[] prompt = [.. Enumerable.Range(0, length).Select(i => i * 7 % 26)], other = [.. prompt.Reverse()];
        int[][] prompts = [prompt, [.. prompt], prompt, prompt, other, other, prompt];
        SamplingOptions sampling = new() { MaxNewTokens = 40 };
        IReadOnlyList<GeneratedSequence> together = model.Generate(prompts, sampling, new DrawKey(1, 2, 0), maxRows);
        for (int i = 0; i < prompts.Length; i++)
        {
            GeneratedSequence alone = model.Generate([prompts[i]], sampling, new DrawKey(1, 2, i))[0];
            Assert.Equal(alone.Tokens, together[i].Tokens);
            Assert.Equal(alone.Logprobs.Select(BitConverter.SingleToInt32Bits), together[i].Logprobs.Select(BitConverter.SingleToInt32Bits));
        }

        Assert.NotEqual(together[0].Tokens, together[2].Tokens);
    }

    [Fact]
    public void AModelGivesItsMemoryBackOnce()
    {
        using Device device = TestDevice.Open();
        LanguageModel model = new(Config, Letters(), device, seed: 3, trainable: false);
        model.Generate([[1, 2, 3]], new SamplingOptions { MaxNewTokens = 2 }, new DrawKey(1, 2, 0));
        model.Dispose();
        model.Dispose();
        using LanguageModel next = new(Config, Letters(), device, seed: 3, trainable: false);
        Assert.Single(next.Generate([[1, 2, 3]], new SamplingOptions { MaxNewTokens = 2 }, new DrawKey(1, 2, 0)));
    }
}
