using System.Runtime.InteropServices;
using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>What a rollout draws with, beyond the options of sampling.</summary>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Step">Training step.</param>
/// <param name="FirstSample">Number of the first sample; the others follow.</param>
public readonly record struct DrawKey(ulong Seed, ulong Step, long FirstSample);

/// <summary>
/// Generates with a key-value cache. Prompts of any lengths run side by side without padding; rows that end leave, waiting
/// prompts enter as pages come free. Equal prompts that enter together are read once: the first row feeds it, the others share
/// its full pages and copy the one that their own tokens go on in. A token's draw depends on its seed, step, sample and position alone, and its
/// log-probability has the bits of the training forward pass.
/// </summary>
internal sealed class Generator : IDisposable
{
    /// <summary>Prompt tokens that one forward pass takes in, unless a single prompt is longer.</summary>
    private const int PrefillTokens = 2048;

    private readonly LanguageModel model;
    private readonly List<Row> active = [];
    private readonly List<int> ids = [], positions = [], slots = [], starts = [], lengths = [], lastRows = [], drawPositions = [], pages = [];
    private readonly List<long> samples = [];
    private readonly SeenTokens seen = new();
    private Arena? arena;
    private Tape? tape;
    private KvCache? cache;
    private int[] tokens = [];
    private float[] logprobs = [], values = [];
    private readonly StepStateBuffer state;
    private readonly RecordedDecoding decoding;

    public Generator(LanguageModel model) =>
        (this.model, state, decoding) = (model, new StepStateBuffer(model.Device), new RecordedDecoding(model.Device));

    /// <summary>Bytes of the cache and of the scratch memory.</summary>
    public long Bytes => (arena?.PeakBytes ?? 0) + (cache is null ? 0 : KvCache.Bytes(model.Config, model.DType, cache.PageCount));

    /// <summary>Completes every prompt; results in the order of the prompts.</summary>
    /// <param name="prompts">Token ids, at least one each.</param>
    /// <param name="sampling">How tokens are drawn.</param>
    /// <param name="key">What the draws are keyed by.</param>
    /// <param name="maxRows">Most completions at a time.</param>
    /// <param name="onToken">Called for every token with the number of its prompt.</param>
    /// <param name="cancellationToken">Looked at before every forward pass.</param>
    public GeneratedSequence[] Generate(IReadOnlyList<int[]> prompts, SamplingOptions sampling, in DrawKey key, int maxRows,
        Action<int, int, float>? onToken, CancellationToken cancellationToken)
    {
        sampling.Validate();
        Check(prompts, sampling);
        GeneratedSequence[] results = new GeneratedSequence[prompts.Count];
        int longest = prompts.Max(prompt => prompt.Length);
        Reserve(Math.Min(maxRows, prompts.Count), longest, Math.Min(longest + sampling.MaxNewTokens, model.Config.MaxPositions),
            sampling.RepetitionPenalty != 1);
        active.Clear();
        int next = 0;
        try
        {
            while (next < prompts.Count || active.Count > 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                next = Admit(prompts, sampling, key, maxRows, next);
                Step(sampling, key);
                Collect(results, onToken);
            }
        }
        finally
        {
            foreach (Row row in active)
            {
                cache!.GiveBack(row.Pages);
            }

            active.Clear();
        }

        return results;
    }

    public void Dispose()
    {
        decoding.Dispose();
        arena?.Dispose();
        cache?.Dispose();
        state.Dispose();
    }

    private void Check(IReadOnlyList<int[]> prompts, SamplingOptions sampling)
    {
        if (prompts.Count == 0)
        {
            throw new ArgumentException("there are no prompts to complete", nameof(prompts));
        }

        for (int i = 0; i < prompts.Count; i++)
        {
            if (prompts[i].Length == 0 || prompts[i].Length >= model.Config.MaxPositions)
            {
                throw new ArgumentException(
                    $"prompt {i} has {prompts[i].Length} tokens; wanted 1 to {model.Config.MaxPositions - 1}, so that the model's " +
                    $"{model.Config.MaxPositions} positions leave room for a completion", nameof(prompts));
            }
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(sampling.MaxNewTokens, 1);
    }

    /// <summary>Lets waiting prompts in while there are rows, pages and room in a forward pass; returns the next one waiting.</summary>
    private int Admit(IReadOnlyList<int[]> prompts, SamplingOptions sampling, in DrawKey key, int maxRows, int next)
    {
        int fed = active.Count;
        int promised = active.Sum(row => KvCache.PagesFor(row.MaxTokens) - row.Pages.Count);
        Row? leader = null;
        while (next < prompts.Count && active.Count < maxRows)
        {
            int[] prompt = prompts[next];
            int most = Math.Min(prompt.Length + sampling.MaxNewTokens, model.Config.MaxPositions);
            bool follows = leader is not null && prompt.AsSpan().SequenceEqual(prompts[leader.Index]);
            int needed = KvCache.PagesFor(most) - (follows ? prompt.Length / KvCache.PageSize : 0), feeds = follows ? 0 : prompt.Length;
            bool first = active.Count == 0;
            if (!first && (promised + needed > cache!.FreePages || fed + feeds > PrefillTokens))
            {
                break;
            }

            Row row = new(next, key.FirstSample + next, prompt, most) { Leader = follows ? leader : null };
            leader = follows ? leader : row;
            active.Add(row);
            promised += needed;
            fed += feeds;
            next++;
        }

        return next;
    }

    /// <summary>One forward pass: whole prompts of the rows that entered, one token of the others; then a draw for each row.</summary>
    private void Step(SamplingOptions sampling, in DrawKey key)
    {
        Arrange();
        using ArenaScope scope = arena!.Enter();
        int rows = active.Count, feeding = lengths.Count, pagesPerRow = pages.Count / feeding;
        Tensor tokenIds = Upload(ids), tokenPositions = Upload(positions), last = Upload(lastRows), drawAt = Upload(drawPositions);
        cache!.Bind(Upload(slots), Upload(pages).Reshape([feeding, pagesPerRow]));
        SequenceLayout layout = new(Upload(starts), Upload(lengths), pagesPerRow * KvCache.PageSize);
        state.WriteDraw(key.Seed, key.Step);
        Tensor sampleNumbers = arena.Allocate(DType.Int64, new Shape(rows), "sample_token");
        sampleNumbers.CopyFrom<long>(CollectionsMarshal.AsSpan(samples));
        Tensor drawn = arena.Allocate(DType.Int32, new Shape(rows), "sample_token");
        Tensor recorded = arena.Allocate(DType.Float32, new Shape(rows), "sample_token");
        Tensor valued = model.ValueHead is null ? default : arena.Allocate(DType.Float32, [rows, 1], "values");

        bool penalizes = sampling.RepetitionPenalty != 1;
        decoding.Run(ids.Count == rows && feeding == rows && !penalizes ? new DecodeShape(rows, pagesPerRow, sampling) : null, () =>
        {
            using ArenaScope pass = arena.Enter();
            Tensor hidden = Ops.GatherRows(tape!, model.Forward(tape!, tokenIds, tokenPositions, layout, cache), last);
            Tensor logits = Ops.Linear(tape!, hidden, model.Head, output: DType.Float32);
            Tensor candidates = penalizes ? seen.Penalize(arena, logits, active.Select(row => row.Tokens), sampling.RepetitionPenalty)
                : logits;
            Ops.SampleToken(candidates, sampleNumbers, drawAt, state.Tensor, drawn, recorded, default, sampling.Temperature,
                sampling.TopK, sampling.TopP, sampling.MinP);
            if (penalizes)
            {
                Ops.LogprobGather(logits, drawn, recorded, default, default, sampling.Temperature == 0 ? 1 : sampling.Temperature);
            }

            if (model.ValueHead is { } head)
            {
                Ops.MatmulPacked(hidden, head.Packed(), default, valued);
            }
        });

        Array.Resize(ref tokens, Math.Max(tokens.Length, rows));
        Array.Resize(ref logprobs, Math.Max(logprobs.Length, rows));
        drawn.CopyTo(tokens.AsSpan(0, rows));
        recorded.CopyTo(logprobs.AsSpan(0, rows));
        if (!valued.IsEmpty)
        {
            Array.Resize(ref values, Math.Max(values.Length, rows));
            valued.CopyTo(values.AsSpan(0, rows));
        }

        SharePrompts();
    }

    /// <summary>Gives the rows that followed another the cache of their prompt.</summary>
    private void SharePrompts()
    {
        foreach (Row row in active)
        {
            if (row.Leader is not { } leader)
            {
                continue;
            }

            int full = row.PromptLength / KvCache.PageSize;
            for (int i = 0; i < full; i++)
            {
                row.Pages.Add(cache!.Share(leader.Pages[i]));
            }

            if (row.PromptLength % KvCache.PageSize != 0)
            {
                row.Pages.Add(cache!.Copy(leader.Pages[full]));
            }

            (row.Fed, row.Leader) = (row.PromptLength, null);
        }
    }

    /// <summary>Fills the host lists of a forward pass from the rows.</summary>
    private void Arrange()
    {
        foreach (List<int> list in (ReadOnlySpan<List<int>>)[ids, positions, slots, starts, lengths, lastRows, drawPositions, pages])
        {
            list.Clear();
        }

        samples.Clear();
        int mostPages = 0;
        foreach (Row row in active)
        {
            samples.Add(row.Sample);
            if (row.Leader is { } leader)
            {
                lastRows.Add(leader.LastRow);
                drawPositions.Add(leader.Fed);
                continue;
            }

            starts.Add(ids.Count);
            for (; row.Fed < row.Tokens.Count; row.Fed++)
            {
                if (row.Fed % KvCache.PageSize == 0)
                {
                    row.Pages.Add(cache!.Take());
                }

                ids.Add(row.Tokens[row.Fed]);
                positions.Add(row.Fed);
                slots.Add(row.Pages[row.Fed / KvCache.PageSize] * KvCache.PageSize + row.Fed % KvCache.PageSize);
            }

            lengths.Add(row.Fed);
            row.LastRow = ids.Count - 1;
            lastRows.Add(row.LastRow);
            drawPositions.Add(row.Fed);
            mostPages = Math.Max(mostPages, row.Pages.Count);
        }

        starts.Add(ids.Count);
        foreach (Row row in active)
        {
            if (row.Leader is not null)
            {
                continue;
            }

            pages.AddRange(row.Pages);
            for (int i = row.Pages.Count; i < mostPages; i++)
            {
                pages.Add(0);
            }
        }
    }

    /// <summary>Appends what was drawn; rows that ended leave.</summary>
    private void Collect(GeneratedSequence[] results, Action<int, int, float>? onToken)
    {
        int kept = 0;
        for (int i = 0; i < active.Count; i++)
        {
            Row row = active[i];
            row.Tokens.Add(tokens[i]);
            row.Logprobs.Add(logprobs[i]);
            if (model.ValueHead is not null)
            {
                row.Values.Add(values[i]);
            }

            onToken?.Invoke(row.Index, tokens[i], logprobs[i]);
            bool ended = model.IsEnd(tokens[i]);
            if (ended || row.Tokens.Count >= row.MaxTokens)
            {
                cache!.GiveBack(row.Pages);
                results[row.Index] = new GeneratedSequence([.. row.Tokens], row.PromptLength, [.. row.Logprobs], ended) { Values = [.. row.Values] };
            }
            else
            {
                active[kept++] = row;
            }
        }

        active.RemoveRange(kept, active.Count - kept);
    }

    private Tensor Upload(List<int> values)
    {
        Tensor tensor = arena!.Allocate(DType.Int32, new Shape(values.Count), "a batch");
        tensor.CopyFrom<int>(CollectionsMarshal.AsSpan(values));
        return tensor;
    }

    private void Reserve(int rows, int longestPrompt, int longest, bool penalizes)
    {
        int wanted = rows * KvCache.PagesFor(longest);
        if (cache is null || cache.PageCount < wanted)
        {
            decoding.Forget();
            cache?.Dispose();
            cache = new KvCache(model.Config, model.Device, model.DType, wanted);
        }

        int fed = Math.Max(longestPrompt, PrefillTokens) + rows;
        long bytes = ScratchBytes(fed, rows, KvCache.PagesFor(longest)) +
            (penalizes ? SeenTokens.Bytes(rows, longest, model.Config.VocabularySize) : 0);
        if (arena is null || arena.CapacityBytes < bytes)
        {
            decoding.Forget();
            arena?.Dispose();
            arena = new Arena(model.Device, bytes);
            tape = new Tape(arena);
        }
    }

    private long ScratchBytes(int fed, int rows, int pagesPerRow)
    {
        ModelConfig c = model.Config;
        long q = (long)c.QueryHeads * c.HeadDim, kv = 2L * c.KeyValueHeads * c.HeadDim;
        long activations = fed * (6L * c.HiddenSize + 2 * q + kv + 3L * c.IntermediateSize) + (long)rows * c.HiddenSize;
        long numbers = 8L * fed + rows * (c.VocabularySize + pagesPerRow + 32L);
        return activations * model.DType.Size() + numbers * sizeof(float) + (1 << 16);
    }

    private sealed class Row(int index, long sample, int[] prompt, int maxTokens)
    {
        public int Index => index;

        public long Sample => sample;

        public int PromptLength => prompt.Length;

        public int MaxTokens => maxTokens;

        public List<int> Tokens { get; } = [.. prompt];

        public List<float> Logprobs { get; } = [];

        public List<float> Values { get; } = [];

        public List<int> Pages { get; } = [];

        public int Fed { get; set; }

        /// <summary>Where its last token stands in the forward pass.</summary>
        public int LastRow { get; set; }

        /// <summary>The row of the same prompt that feeds it in the first forward pass; null from then on.</summary>
        public Row? Leader { get; set; }
    }
}

/// <summary>A prompt and what was drawn after it, as token ids.</summary>
/// <param name="Tokens">Prompt and completion.</param>
/// <param name="PromptLength">Tokens of the prompt.</param>
/// <param name="Logprobs">Log-probability of each token of the completion.</param>
/// <param name="Ended">True if the last token is an end token.</param>
public sealed record GeneratedSequence(int[] Tokens, int PromptLength, float[] Logprobs, bool Ended)
{
    /// <summary>Value of the state before each token of the completion; none where the model has no value head.</summary>
    public float[] Values { get; init; } = [];

    /// <summary>Tokens of the completion.</summary>
    public int CompletionLength => Tokens.Length - PromptLength;

    /// <summary>Token ids of the completion.</summary>
    public ReadOnlySpan<int> Completion => Tokens.AsSpan(PromptLength);
}
