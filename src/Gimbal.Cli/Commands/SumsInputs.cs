using System.Globalization;
using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary>What the sums task needs where no file and no folder is named.</summary>
internal static class SumsInputs
{
    /// <summary>A new model of the task's size: about 0.6 million weights at the usual width and depth.</summary>
    public static LanguageModel CreateModel(Device device, ulong seed, ModelOptions model)
    {
        const int Heads = 4, MaxPositions = 16;
        CharacterTokenizer tokenizer = SumsTask.CreateTokenizer();
        ModelConfig config = new()
        {
            Family = ModelFamily.Llama,
            VocabularySize = tokenizer.VocabularySize,
            HiddenSize = model.Width,
            IntermediateSize = model.Width * 11 / 4,
            Layers = model.Layers,
            QueryHeads = Heads,
            KeyValueHeads = Heads,
            HeadDim = model.Width / Heads,
            MaxPositions = MaxPositions,
            EosTokenIds = [tokenizer.EosId!.Value],
            PadTokenId = tokenizer.PadId,
        };
        return new LanguageModel(config, tokenizer, device, seed, dtype: (DType)model.Dtype);
    }

    /// <summary>For every problem the right answer, and the wrong one that demonstrations show: carries dropped, or
    /// one too many.</summary>
    public static PreferenceDataset Pairs(PromptDataset problems) => new(problems.Select(problem =>
    {
        int left = int.Parse(problem.Prompt.AsSpan(0, 2), CultureInfo.InvariantCulture);
        int right = int.Parse(problem.Prompt.AsSpan(3, 2), CultureInfo.InvariantCulture);
        int wrong = SumsTask.HasCarry(left, right) ? SumsTask.WithoutCarries(left, right) : left + right + 10;
        return new PreferenceExample(problem.Prompt, (left + right).ToString(CultureInfo.InvariantCulture), wrong.ToString(CultureInfo.InvariantCulture));
    }));
}
