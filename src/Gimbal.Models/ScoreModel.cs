using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>A transformer with a scalar head: a reward model (score of the last token) or a value model (one of every token).</summary>
public sealed class ScoreModel : TransformerModel
{
    internal const string HeadName = "score.weight";

    private ScoreModel(ModelConfig config, Tokenizer tokenizer, Device device, bool trainable, DType dtype)
        : base(config, tokenizer, device, trainable, dtype)
    {
        Head = Weights.Matrix(HeadName, 1, config.HiddenSize);
        Store.Allocate();
    }

    /// <summary>The head (1, hidden).</summary>
    public override Parameter Head { get; }

    /// <summary>The body of a language model under a head of zeros: every score is 0 until it learns.</summary>
    public static ScoreModel From(LanguageModel model, bool trainable = true)
    {
        ArgumentNullException.ThrowIfNull(model);
        ScoreModel result = new(model.Config, model.Tokenizer, model.Device, trainable, model.DType);
        result.CopyNamed(model);
        return result;
    }

    /// <summary>Loads a folder that <see cref="Save"/> wrote, or a language model's: its head of scores is then 0.</summary>
    /// <exception cref="InvalidFileException">A file is missing, broken, or contradicts another.</exception>
    public static ScoreModel Load(string folder, Device device, bool trainable = true, DType dtype = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(device);
        ModelConfig config = ModelConfig.Load(folder);
        Tokenizer tokenizer = Tokenizer.Load(folder);
        using SafetensorsReader reader = SafetensorsReader.Open(folder);
        ScoreModel model = new(config, tokenizer, device, trainable, dtype);
        try
        {
            model.Weights.Load(reader, static name => name == HeadName);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Writes a folder that <see cref="Load"/> reads. Files are replaced whole.</summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        Config.Save(folder);
        Tokenizer.Save(folder);
        Weights.Save(Path.Combine(folder, SafetensorsReader.FileName));
    }

    /// <summary>A copy with the same weights.</summary>
    public ScoreModel Clone(bool trainable)
    {
        ScoreModel copy = new(Config, Tokenizer, Device, trainable, DType);
        copy.Store.CopyFrom(Store);
        return copy;
    }

    internal ScoreModel OnDevice(Device device) => new(Config, Tokenizer, device, Store.IsTrainable, DType);

    /// <summary>Scores (rows, 1) of hidden states that were picked from <see cref="TransformerModel.Forward(Tape, TokenBatch, in Tensor)"/>.</summary>
    /// <param name="tape">Recording for training.</param>
    /// <param name="hidden">(tokens, hidden).</param>
    /// <param name="rows">The tokens to score (rows).</param>
    public Tensor Score(Tape tape, in Tensor hidden, in Tensor rows) =>
        Ops.Linear(tape, Ops.GatherRows(tape, hidden, rows), Head, output: DType.Float32);
}
