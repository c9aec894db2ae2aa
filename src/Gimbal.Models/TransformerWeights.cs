using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>A tensor of a safetensors file and the rows of a parameter that it fills.</summary>
/// <param name="Parameter">The parameter.</param>
/// <param name="Name">Name in the file.</param>
/// <param name="Start">First row of the parameter.</param>
/// <param name="Rows">Number of rows.</param>
/// <param name="Transposed">The file holds (in, out), as GPT-2 does; parameters are (out, in).</param>
internal readonly record struct WeightPart(Parameter Parameter, string Name, long Start, long Rows, bool Transposed)
{
    public long Width => Parameter.Shape.Width;

    /// <summary>Shape in the file.</summary>
    public long[] FileShape => Parameter.Shape.Rank == 1 ? [Rows] : Transposed ? [Width, Rows] : [Rows, Width];
}

/// <summary>The parameters of a trunk, and their Hugging Face names.</summary>
internal sealed class TransformerWeights
{
    private const string Gpt2Prefix = "transformer.";

    private readonly ModelConfig config;
    private readonly ParameterStore store;
    private readonly List<WeightPart> parts = [];

    public TransformerWeights(ModelConfig config, ParameterStore store)
    {
        (this.config, this.store) = (config, store);
        bool gpt2 = config.Family == ModelFamily.Gpt2;
        Embedding = Matrix(gpt2 ? "transformer.wte.weight" : "model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
        Positions = gpt2 ? Matrix("transformer.wpe.weight", config.MaxPositions, config.HiddenSize) : null;
        Layers = new TransformerLayer[config.Layers];
        for (int i = 0; i < config.Layers; i++)
        {
            Layers[i] = gpt2 ? Gpt2Layer($"transformer.h.{i}.") : LlamaLayer($"model.layers.{i}.");
        }

        Norm = Vector(gpt2 ? "transformer.ln_f.weight" : "model.norm.weight", config.HiddenSize);
        NormBias = gpt2 ? Vector("transformer.ln_f.bias", config.HiddenSize) : null;
    }

    public Parameter Embedding { get; }

    public Parameter? Positions { get; }

    public TransformerLayer[] Layers { get; }

    public Parameter Norm { get; }

    public Parameter? NormBias { get; }

    public IReadOnlyList<WeightPart> Parts => parts;

    /// <summary>A matrix (rows, width) under one name.</summary>
    public Parameter Matrix(string name, long rows, long width)
    {
        Parameter parameter = store.Add(name, [rows, width], decays: true);
        parts.Add(new WeightPart(parameter, name, 0, rows, false));
        return parameter;
    }

    /// <summary>Fills all parts from a file; where a part may be absent, <paramref name="optional"/> says so.</summary>
    /// <exception cref="InvalidFileException">A tensor is missing or has another shape.</exception>
    public void Load(SafetensorsReader reader, Func<string, bool> optional)
    {
        foreach (WeightPart part in parts)
        {
            string name = Find(reader, part.Name);
            if (reader.Find(name) is not { } entry)
            {
                if (!optional(part.Name))
                {
                    reader.Get(name);
                }

                continue;
            }

            if (!entry.Shape.SequenceEqual(part.FileShape))
            {
                throw new InvalidFileException(reader.Path,
                    $"has shape ({string.Join(", ", entry.Shape)}), but {ModelConfig.FileName} asks for " +
                    $"({string.Join(", ", part.FileShape)}). Does it belong to these weights?", tensor: name);
            }

            float[] values = new float[part.Rows * part.Width];
            reader.Read(name, values);
            part.Parameter.Write(part.Start * part.Width, part.Transposed ? Transpose(values, part.Width, part.Rows) : values);
        }

        store.Touch();
    }

    /// <summary>Writes all parts to a file.</summary>
    public void Save(string path)
    {
        using SafetensorsWriter writer = new(path, parts.Select(part => (part.Name, part.FileShape)));
        foreach (WeightPart part in parts)
        {
            float[] values = part.Parameter.Read(part.Start * part.Width, part.Rows * part.Width);
            writer.Write(part.Name, part.Transposed ? Transpose(values, part.Rows, part.Width) : values);
        }

        writer.Commit();
    }

    private static string Find(SafetensorsReader reader, string name) =>
        reader.Find(name) is null && name.StartsWith(Gpt2Prefix, StringComparison.Ordinal) &&
        reader.Find(name[Gpt2Prefix.Length..]) is not null
            ? name[Gpt2Prefix.Length..]
            : name;

    private static float[] Transpose(float[] values, long rows, long columns)
    {
        float[] result = new float[values.Length];
        for (long r = 0; r < rows; r++)
        {
            for (long c = 0; c < columns; c++)
            {
                result[c * rows + r] = values[r * columns + c];
            }
        }

        return result;
    }

    private TransformerLayer LlamaLayer(string prefix)
    {
        long hidden = config.HiddenSize, inner = config.IntermediateSize;
        long q = (long)config.QueryHeads * config.HeadDim, kv = (long)config.KeyValueHeads * config.HeadDim;
        string attention = prefix + "self_attn.";
        return new TransformerLayer(
            AttentionNorm: Vector(prefix + "input_layernorm.weight", hidden), null,
            Qkv: Fused(prefix + "self_attn.qkv_proj.weight", hidden,
                (attention + "q_proj.weight", q), (attention + "k_proj.weight", kv), (attention + "v_proj.weight", kv)),
            config.AttentionBias
                ? Fused(prefix + "self_attn.qkv_proj.bias", 0, (attention + "q_proj.bias", q), (attention + "k_proj.bias", kv), (attention + "v_proj.bias", kv))
                : null,
            AttentionOutput: Matrix(attention + "o_proj.weight", hidden, q),
            config.AttentionOutputBias ? Vector(attention + "o_proj.bias", hidden) : null,
            FeedForwardNorm: Vector(prefix + "post_attention_layernorm.weight", hidden), null,
            Up: Fused(prefix + "mlp.gate_up_proj.weight", hidden,
                (prefix + "mlp.gate_proj.weight", inner), (prefix + "mlp.up_proj.weight", inner)), null,
            Down: Matrix(prefix + "mlp.down_proj.weight", hidden, inner), null);
    }

    private TransformerLayer Gpt2Layer(string prefix)
    {
        long hidden = config.HiddenSize, inner = config.IntermediateSize;
        return new TransformerLayer(
            Vector(prefix + "ln_1.weight", hidden), Vector(prefix + "ln_1.bias", hidden),
            TransposedMatrix(prefix + "attn.c_attn.weight", 3 * hidden, hidden), Vector(prefix + "attn.c_attn.bias", 3 * hidden),
            TransposedMatrix(prefix + "attn.c_proj.weight", hidden, hidden), Vector(prefix + "attn.c_proj.bias", hidden),
            Vector(prefix + "ln_2.weight", hidden), Vector(prefix + "ln_2.bias", hidden),
            TransposedMatrix(prefix + "mlp.c_fc.weight", inner, hidden), Vector(prefix + "mlp.c_fc.bias", inner),
            TransposedMatrix(prefix + "mlp.c_proj.weight", hidden, inner), Vector(prefix + "mlp.c_proj.bias", hidden));
    }

    private Parameter Vector(string name, long length)
    {
        Parameter parameter = store.Add(name, new Shape(length), decays: false);
        parts.Add(new WeightPart(parameter, name, 0, length, false));
        return parameter;
    }

    private Parameter TransposedMatrix(string name, long rows, long width)
    {
        Parameter parameter = store.Add(name, [rows, width], decays: true);
        parts.Add(new WeightPart(parameter, name, 0, rows, true));
        return parameter;
    }

    /// <summary>Several tensors of a file as the rows of one parameter; width 0 makes a vector.</summary>
    private Parameter Fused(string name, long width, params ReadOnlySpan<(string Name, long Rows)> pieces)
    {
        long rows = 0;
        foreach ((_, long count) in pieces)
        {
            rows += count;
        }

        Parameter parameter = store.Add(name, width == 0 ? new Shape(rows) : [rows, width], decays: width != 0);
        long start = 0;
        foreach ((string piece, long count) in pieces)
        {
            parts.Add(new WeightPart(parameter, piece, start, count, false));
            start += count;
        }

        return parameter;
    }
}
