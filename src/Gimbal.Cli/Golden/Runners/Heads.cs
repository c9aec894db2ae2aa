using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Log-probabilities of targets under rows of logits, with their gradient.</summary>
internal sealed class Logprobs
{
    private readonly GoldenRun run;
    private readonly Tensor logits, targets;
    private readonly float temperature;

    public Logprobs(GoldenRun run, Tensor logits, int[] targets, float temperature)
    {
        (this.run, this.logits, this.temperature) = (run, logits, temperature);
        this.targets = run.From(targets);
        (Value, Entropy, LogSumExp) = (run.New([logits.Rows]), run.New([logits.Rows]), run.New([logits.Rows]));
        Ops.LogprobGather(logits, this.targets, Value, Entropy, LogSumExp, temperature);
    }

    public Tensor Value { get; }

    public Tensor Entropy { get; }

    public Tensor LogSumExp { get; }

    public Tensor Backward(Tensor dlogprob, Tensor dentropy = default)
    {
        Tensor dlogits = run.New(logits.Shape);
        Ops.LogprobGatherBackward(logits, targets, LogSumExp, Entropy, dlogprob, dentropy, dlogits, temperature);
        return dlogits;
    }
}

/// <summary>Normalisers of a loss as weights of its elements, as the trainers fix them for an optimizer step.</summary>
internal static class Weights
{
    /// <summary>mask / sum(mask); 0 where nothing is kept.</summary>
    public static float[] TokenMean(float[] mask)
    {
        double count = mask.Sum(m => (double)m);
        return [.. mask.Select(m => count == 0 ? 0 : (float)(m / count))];
    }

    /// <summary>Mean over rows of the rows' means; a row with nothing kept counts as 0, or not at all.</summary>
    public static float[] SequenceMean(float[] mask, int width, bool skipEmpty = false)
    {
        float[][] rows = [.. mask.Chunk(width)];
        int count = skipEmpty ? rows.Count(row => row.Any(m => m != 0)) : rows.Length;
        return [.. rows.SelectMany(TokenMean).Select(w => w / count)];
    }

    /// <summary>mask / constant.</summary>
    public static float[] Over(float[] mask, double constant) => [.. mask.Select(m => (float)(m / constant))];

    public static double Sum(float[] values, float[] weights) =>
        values.Zip(weights, (v, w) => w == 0 ? 0 : (double)v * w).Sum();
}
