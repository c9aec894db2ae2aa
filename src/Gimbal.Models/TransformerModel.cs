using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>
/// A decoder-only transformer of the Llama or GPT-2 family without its head: embedding, residual blocks, final norm. A head
/// makes it a <see cref="LanguageModel"/> or a <see cref="ScoreModel"/>.
/// </summary>
/// <remarks>The same code trains, scores and generates; what differs is the tape and where attention finds its keys.</remarks>
public abstract class TransformerModel : IDisposable
{
    private const uint InitialWeights = 0x1417;

    private readonly BlockFunction block;
    private readonly Tensor ropeTable;
    private nint ropeMemory;
    private Tensor positions;
    private SequenceLayout layout;
    private KvCache? cache;

    private protected TransformerModel(ModelConfig config, Tokenizer tokenizer, Device device, bool trainable, DType dtype)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(tokenizer);
        config.Validate();
        if (tokenizer.VocabularySize > config.VocabularySize)
        {
            throw new InvalidConfigException("vocab_size",
                $"the tokenizer has {tokenizer.VocabularySize} tokens, the model {config.VocabularySize}.");
        }

        (Config, Tokenizer, Device) = (config, tokenizer, device);
        EndIds = config.EosTokenIds.Count > 0 ? [.. config.EosTokenIds] : tokenizer.EosId is { } eos ? [eos] : [];
        Store = new ParameterStore(device, trainable, dtype);
        Weights = new TransformerWeights(config, Store);
        block = Block;
        if (config.Family == ModelFamily.Llama)
        {
            float[] table = RopeTable.Make(config);
            ropeMemory = device.Allocate(table.LongLength * sizeof(float));
            ropeTable = Tensor.Borrow(device, ropeMemory, DType.Float32, [config.MaxPositions, config.HeadDim]);
            ropeTable.CopyFrom<float>(table);
        }
    }

    /// <summary>Shape of the model.</summary>
    public ModelConfig Config { get; }

    /// <summary>Text to token ids and back.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>Token ids that end a completion.</summary>
    public IReadOnlyList<int> EndIds { get; }

    /// <summary>Where the weights live.</summary>
    public Device Device { get; }

    /// <summary>Element type of matrices, activations and cache: float32 or bfloat16. Logits, losses and statistics are float32.</summary>
    public DType DType => Store.DType;

    /// <summary>The weights.</summary>
    public ParameterStore Store { get; }

    /// <summary>The head (outputs, hidden).</summary>
    public abstract Parameter Head { get; }

    /// <summary>Bytes of the packs of all matrices that products read.</summary>
    public long PackBytes => Head.PackBytes + Weights.Layers.Sum(layer =>
        layer.Qkv.PackBytes + layer.AttentionOutput.PackBytes + layer.Up.PackBytes + layer.Down.PackBytes);

    internal TransformerWeights Weights { get; }

    /// <summary>True for a token that ends a completion.</summary>
    public bool IsEnd(int token) => EndIds.Contains(token);

    /// <summary>Final hidden states (tokens, hidden) of a batch, after the last norm.</summary>
    /// <param name="tape">Recording for training.</param>
    /// <param name="batch">Uploaded to the tape's arena.</param>
    /// <param name="noise">Added to the embeddings (tokens, hidden), float32; or empty.</param>
    public Tensor Forward(Tape tape, TokenBatch batch, in Tensor noise = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return Forward(tape, batch.Ids, batch.Positions, batch.Layout, null, noise);
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        Release();
        Store.Dispose();
        if (ropeMemory != 0)
        {
            Device.Free(ropeMemory);
            ropeMemory = 0;
        }

        GC.SuppressFinalize(this);
    }

    private protected virtual void Release() { }

    /// <summary>Copies the weights that another model has under the same names.</summary>
    private protected void CopyNamed(TransformerModel source)
    {
        foreach (Parameter parameter in Store.Parameters)
        {
            if (source.Store.Find(parameter.Name) is { } named)
            {
                parameter.CopyFrom(named);
            }
        }

        Store.Touch();
    }

    internal Tensor Forward(Tape tape, in Tensor ids, in Tensor tokenPositions, in SequenceLayout sequences, KvCache? keys,
        in Tensor noise = default)
    {
        ArgumentNullException.ThrowIfNull(tape);
        (positions, layout, cache) = (tokenPositions, sequences, keys);
        Tensor x = Ops.Embedding(tape, Weights.Embedding, ids);
        if (Weights.Positions is { } table)
        {
            x = Ops.Add(tape, x, Ops.Embedding(tape, table, tokenPositions));
        }

        if (!noise.IsEmpty)
        {
            Ops.Add(x, noise, x);
        }

        for (int i = 0; i < Config.Layers; i++)
        {
            x = tape.Block(x, i, block);
        }

        cache = null;
        return Norm(tape, x, Weights.Norm, Weights.NormBias);
    }

    /// <summary>
    /// Weights of a model that was never trained: normal with deviation sqrt(2 / (5 hidden)) (Nguyen and Salazar 2019; 0.02 at
    /// width 1000), those into the residual stream divided by sqrt(2 layers) (Radford et al. 2019); norms 1, biases 0.
    /// </summary>
    private protected void Initialize(ulong seed)
    {
        float deviation = MathF.Sqrt(2f / (5 * Config.HiddenSize));
        float residual = deviation / MathF.Sqrt(2 * Config.Layers);
        uint index = 0;
        // Piece by piece: a large model has no room for a second copy of its embedding.
        float[] piece = new float[1 << 16];
        foreach (Parameter parameter in Store.Parameters)
        {
            index++;
            bool isMatrix = parameter.Shape.Rank == 2;
            bool intoResidual = Array.Exists(Weights.Layers, layer => layer.AttentionOutput == parameter || layer.Down == parameter);
            float constant = parameter.Name.EndsWith("bias", StringComparison.Ordinal) ? 0 : 1;
            for (long start = 0; start < parameter.Shape.Count; start += piece.Length)
            {
                Span<float> values = piece.AsSpan(0, (int)Math.Min(piece.Length, parameter.Shape.Count - start));
                if (isMatrix)
                {
                    Philox.Normal(values, intoResidual ? residual : deviation, seed, InitialWeights + (index << 16), (ulong)start);
                }
                else
                {
                    values.Fill(constant);
                }

                parameter.Write(start, values);
            }
        }

        Store.Touch();
    }

    private Tensor Block(Tape tape, Tensor x, int index)
    {
        TransformerLayer layer = Weights.Layers[index];
        Tensor qkv = Ops.Linear(tape, Norm(tape, x, layer.AttentionNorm, layer.AttentionNormBias), layer.Qkv, layer.QkvBias);
        if (Config.Family == ModelFamily.Llama)
        {
            qkv = Ops.Rope(tape, qkv, positions, ropeTable, Config.QueryHeads + Config.KeyValueHeads, Config.HeadDim, Config.RopeInterleaved);
        }

        Tensor attended = Attend(tape, qkv, index);
        x = Ops.Add(tape, x, Ops.Linear(tape, attended, layer.AttentionOutput, layer.AttentionOutputBias));
        Tensor up = Ops.Linear(tape, Norm(tape, x, layer.FeedForwardNorm, layer.FeedForwardNormBias), layer.Up, layer.UpBias);
        Tensor activated = Config.Activation switch
        {
            Activation.Silu => Ops.Swiglu(tape, up),
            Activation.Gelu => Ops.Gelu(tape, up, GeluForm.Erf),
            _ => Ops.Gelu(tape, up, GeluForm.Tanh),
        };
        return Ops.Add(tape, x, Ops.Linear(tape, activated, layer.Down, layer.DownBias));
    }

    private Tensor Attend(Tape tape, in Tensor qkv, int index)
    {
        AttentionHeads heads = new(Config.QueryHeads, Config.KeyValueHeads, Config.HeadDim);
        if (cache is null)
        {
            return Ops.Attention(tape, qkv, layout, heads);
        }

        (Tensor keys, Tensor values) = cache.Write(qkv, heads, index);
        return Ops.Attention(tape.Arena, qkv, keys, values, layout, heads, cache.Pages, KvCache.PageSize);
    }

    private Tensor Norm(Tape tape, in Tensor x, Parameter weight, Parameter? bias) =>
        bias is null ? Ops.Rmsnorm(tape, x, weight, Config.NormEpsilon) : Ops.Layernorm(tape, x, weight, bias, Config.NormEpsilon);
}
