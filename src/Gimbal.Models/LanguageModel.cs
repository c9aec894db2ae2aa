using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>A transformer with a language-model head and its tokenizer: the policy, the reference, the model to save.</summary>
public sealed class LanguageModel : TransformerModel
{
    private Generator? generator;

    /// <summary>A model with weights as if it had just been made.</summary>
    /// <param name="config">Its shape.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="device">Where it lives.</param>
    /// <param name="seed">Seed of the weights.</param>
    /// <param name="trainable">False for frozen models.</param>
    /// <param name="dtype">Element type of matrices and activations: float32 or bfloat16.</param>
    public LanguageModel(ModelConfig config, Tokenizer tokenizer, Device device, ulong seed = 0, bool trainable = true,
        DType dtype = DType.Float32)
        : this(config, tokenizer, device, trainable, dtype) => Initialize(seed);

    private LanguageModel(ModelConfig config, Tokenizer tokenizer, Device device, bool trainable, DType dtype, bool hasValues = false)
        : base(config, tokenizer, device, trainable, dtype)
    {
        Head = config.TieEmbeddings
            ? Weights.Embedding
            : Weights.Matrix("lm_head.weight", config.VocabularySize, config.HiddenSize);
        ValueHead = hasValues ? Weights.Matrix(ScoreModel.HeadName, 1, config.HiddenSize) : null;
        Store.Allocate();
    }

    /// <summary>The head (vocabulary, hidden): the embedding table itself where the model ties them.</summary>
    public override Parameter Head { get; }

    /// <summary>A second head on the same trunk, the value of a state (1, hidden); null unless <see cref="WithValueHead"/> made the model.</summary>
    public Parameter? ValueHead { get; }

    /// <summary>Bytes that generation holds: the key-value cache and its scratch memory.</summary>
    public long GenerationBytes => generator?.Bytes ?? 0;

    /// <summary>Loads a folder with <c>config.json</c>, safetensors and a tokenizer.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="device">Where the model will live.</param>
    /// <param name="trainable">False for frozen models: no gradients, no optimizer state.</param>
    /// <param name="dtype">Element type of matrices and activations, whatever that of the files: float32 or bfloat16.</param>
    /// <exception cref="InvalidFileException">A file is missing, broken, or contradicts another.</exception>
    public static LanguageModel Load(string folder, Device device, bool trainable = true, DType dtype = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(device);
        if (!Directory.Exists(folder))
        {
            throw new InvalidFileException(folder, "there is no such model folder; it holds config.json, model.safetensors and tokenizer.json.");
        }

        ModelConfig config = ModelConfig.Load(folder);
        Tokenizer tokenizer = Tokenizer.Load(folder);
        using SafetensorsReader reader = SafetensorsReader.Open(folder);
        LanguageModel model = new(config, tokenizer, device, trainable, dtype);
        try
        {
            model.Weights.Load(reader, static _ => false);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Writes a folder that <see cref="Load"/> and Hugging Face's loaders read. Files are replaced whole.</summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        Config.Save(folder);
        Tokenizer.Save(folder);
        Weights.Save(Path.Combine(folder, SafetensorsReader.FileName));
    }

    /// <summary>A copy with the same weights.</summary>
    /// <param name="trainable">False: a frozen reference.</param>
    public LanguageModel Clone(bool trainable)
    {
        LanguageModel copy = new(Config, Tokenizer, Device, trainable, DType, ValueHead is not null);
        copy.Store.CopyFrom(Store);
        return copy;
    }

    /// <summary>
    /// A trainable copy with a value head of zeros: policy and value function of PPO on one trunk. A folder it is saved to is a
    /// language model to all who do not ask for scores, and a value model to <see cref="ScoreModel.Load"/>.
    /// </summary>
    public LanguageModel WithValueHead()
    {
        LanguageModel copy = new(Config, Tokenizer, Device, trainable: true, DType, hasValues: true);
        copy.CopyNamed(this);
        return copy;
    }

    internal long CacheBytes(int rows, int length) => KvCache.Bytes(Config, DType, rows * KvCache.PagesFor(length));

    internal LanguageModel OnDevice(Device device) =>
        new(Config, Tokenizer, device, Store.IsTrainable, DType, ValueHead is not null);

    /// <summary>Completes prompts side by side; results in their order.</summary>
    /// <exception cref="ArgumentException">There are no prompts, or one leaves no position for a completion.</exception>
    public IReadOnlyList<Completion> Generate(IReadOnlyList<string> prompts, SamplingOptions? sampling = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        sampling ??= new SamplingOptions();
        int[][] ids = [.. prompts.Select(prompt => Tokenizer.Encode(prompt))];
        return [.. Generate(ids, sampling, new DrawKey(sampling.Seed, 0, 0), cancellationToken: cancellationToken).Select(Complete)];
    }

    /// <summary>Completes prompts of token ids, with draws keyed by a training step: a rollout.</summary>
    /// <param name="prompts">Token ids, at least one each.</param>
    /// <param name="sampling">How tokens are drawn.</param>
    /// <param name="key">What the draws are keyed by.</param>
    /// <param name="maxRows">Most completions at a time: bounds the cache.</param>
    /// <param name="cancellationToken">Looked at before every forward pass.</param>
    public IReadOnlyList<GeneratedSequence> Generate(IReadOnlyList<int[]> prompts, SamplingOptions sampling, DrawKey key,
        int maxRows = 256, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(sampling);
        generator ??= new Generator(this);
        return generator.Generate(prompts, sampling, key, maxRows, null, cancellationToken);
    }

    /// <summary>Completes one prompt, token by token.</summary>
    public async IAsyncEnumerable<GeneratedToken> StreamAsync(string prompt, SamplingOptions? sampling = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        sampling ??= new SamplingOptions();
        int[] ids = Tokenizer.Encode(prompt);
        Channel<GeneratedToken> channel = Channel.CreateUnbounded<GeneratedToken>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        using CancellationTokenSource abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task work = Task.Run(() => Produce(ids, sampling, channel.Writer, abandoned.Token), CancellationToken.None);
        try
        {
            await foreach (GeneratedToken token in channel.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return token;
            }
        }
        finally
        {
            await abandoned.CancelAsync().ConfigureAwait(false);
            await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>A generated sequence with its text.</summary>
    public Completion Complete(GeneratedSequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        return new Completion(sequence.Tokens[..sequence.PromptLength], sequence.Tokens[sequence.PromptLength..],
            sequence.Logprobs, Tokenizer.Decode(sequence.Completion, continuation: true), sequence.Ended);
    }

    private protected override void Release()
    {
        generator?.Dispose();
        generator = null;
    }

    private void Produce(int[] ids, SamplingOptions sampling, ChannelWriter<GeneratedToken> writer, CancellationToken cancellationToken)
    {
        try
        {
            TokenDecoder decoder = new(Tokenizer, skipSpecial: true, continuation: true);
            generator ??= new Generator(this);
            generator.Generate([ids], sampling, new DrawKey(sampling.Seed, 0, 0), 1,
                (_, token, logprob) => writer.TryWrite(new GeneratedToken(token, decoder.Add(token), logprob)), cancellationToken);
            writer.Complete();
        }
        catch (Exception error)
        {
            writer.Complete(error);
            throw;
        }
    }
}
