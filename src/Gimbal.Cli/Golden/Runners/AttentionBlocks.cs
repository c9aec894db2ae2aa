using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Scaled dot-product attention of packed sequences, with its gradients.</summary>
internal sealed class AttentionCore(GoldenRun run, int[] lengths, int headDim)
{
    private readonly float scale = 1 / MathF.Sqrt(headDim);
    private readonly Tensor starts = run.From(Starts(lengths));
    private Tensor q, k, v, y, lse;

    public Tensor Forward(in Tensor q, in Tensor k, in Tensor v)
    {
        (this.q, this.k, this.v) = (q, k, v);
        (y, lse) = (run.New(q.Shape), run.New([q.Rows, q.Width / headDim]));
        Tensor keyStarts = run.From(Starts(lengths)[..^1]), keyLengths = run.From(lengths);
        Ops.Attention(q, k, v, starts, keyStarts, keyLengths, default, y, lse, headDim, scale);
        return y;
    }

    public (Tensor Q, Tensor K, Tensor V) Backward(in Tensor dy)
    {
        Tensor dq = run.New(q.Shape), dk = run.New(k.Shape), dv = run.New(v.Shape);
        Ops.AttentionBackward(q, k, v, y, lse, dy, starts, dq, dk, dv, headDim, scale);
        return (dq, dk, dv);
    }

    private static int[] Starts(int[] lengths)
    {
        int[] starts = new int[lengths.Length + 1];
        for (int i = 0; i < lengths.Length; i++)
            starts[i + 1] = starts[i] + lengths[i];
        return starts;
    }
}

/// <summary>Projections, rotary positions, attention and output projection of a Llama layer, with their gradients.</summary>
internal sealed class SelfAttention
{
    private readonly GoldenRun run;
    private readonly Linear wq, wk, wv, wo;
    private readonly AttentionCore core;
    private readonly Tensor table, positions;
    private readonly int headDim;
    private readonly bool interleaved;

    public SelfAttention(GoldenRun run, SequenceLayout layout)
    {
        this.run = run;
        (wq, wk, wv, wo) = (new(run, "wq"), new(run, "wk"), new(run, "wv"), new(run, "wo"));
        headDim = run.Case.Integer("head_dim");
        interleaved = run.Case.Name.StartsWith("llama2c", StringComparison.Ordinal);
        core = new AttentionCore(run, layout.Lengths, headDim);
        table = RotaryTable.Make(run, 64, headDim);
        positions = run.From([.. layout.Lengths.SelectMany(length => Enumerable.Range(0, length))]);
    }

    public Tensor Forward(in Tensor x) =>
        wo.Forward(core.Forward(Rotate(wq.Forward(x)), Rotate(wk.Forward(x)), wv.Forward(x)));

    public Tensor Backward(in Tensor dy)
    {
        (Tensor dq, Tensor dk, Tensor dv) = core.Backward(wo.Backward(dy));
        Tensor dx = wq.Backward(RotateBack(dq));
        Ops.Add(dx, wk.Backward(RotateBack(dk)), dx);
        Ops.Add(dx, wv.Backward(dv), dx);
        return dx;
    }

    public void Gradients()
    {
        wq.Gradient();
        wk.Gradient();
        wv.Gradient();
        wo.Gradient();
    }

    private Tensor Rotate(Tensor x)
    {
        Ops.Rope(x, positions, table, x, x.Width / headDim, interleaved);
        return x;
    }

    private Tensor RotateBack(Tensor dy)
    {
        Ops.RopeBackward(dy, positions, table, dy, dy.Width / headDim, interleaved);
        return dy;
    }
}

/// <summary>Which rows of (batch, steps) are tokens, and the sequences they make: padding leaves before the engine sees it.</summary>
internal sealed class SequenceLayout
{
    private readonly GoldenRun run;
    private readonly int[] rows;
    private readonly int count;

    public SequenceLayout(GoldenRun run)
    {
        this.run = run;
        int[] shape = run.Input("x").Shape;
        count = shape[0] * shape[1];
        int[] mask = run.Has("attention_mask") ? run.Input("attention_mask").Ints() : [.. Enumerable.Repeat(1, count)];
        rows = [.. Enumerable.Range(0, count).Where(row => mask[row] != 0)];
        Lengths = run.Case.Has("sequence_lengths")
            ? [.. run.Case.List("sequence_lengths").Select(length => length.GetInt32())]
            : [.. Enumerable.Range(0, shape[0]).Select(s => mask.AsSpan(s * shape[1], shape[1]).Count(1))];
    }

    public int[] Lengths { get; }

    public Tensor Pack(string input)
    {
        int width = run.Input(input).Width;
        float[] all = run.Floats(input);
        return run.From([.. rows.SelectMany(row => all.AsSpan(row * width, width).ToArray())], [rows.Length, width]);
    }

    /// <summary>Back to (batch, steps, width), padding 0.</summary>
    public float[] Unpack(in Tensor packed)
    {
        int width = (int)packed.Width;
        float[] values = packed.ToArray<float>(), all = new float[count * width];
        for (int i = 0; i < rows.Length; i++)
            values.AsSpan(i * width, width).CopyTo(all.AsSpan(rows[i] * width));
        return all;
    }
}

/// <summary>The engine's rotary table for the base frequency of the case.</summary>
internal static class RotaryTable
{
    public static Tensor Make(GoldenRun run, int positions, int headDim) => run.From(RopeTable.Make(new ModelConfig
    {
        Family = ModelFamily.Llama,
        VocabularySize = 1,
        HiddenSize = headDim,
        IntermediateSize = 1,
        Layers = 1,
        QueryHeads = 1,
        KeyValueHeads = 1,
        HeadDim = headDim,
        MaxPositions = positions,
        RopeTheta = run.Case.Number("theta"),
    }), [positions, headDim]);
}

/// <summary>Between (batch, heads, steps, head_dim) and the engine's rows of tokens (batch * steps, heads * head_dim).</summary>
internal static class HeadLayout
{
    public static float[] ToTokens(float[] values, int batch, int heads, int steps, int headDim) =>
        Swap(values, batch, heads, steps, headDim);

    public static float[] ToHeads(float[] values, int batch, int heads, int steps, int headDim) =>
        Swap(values, batch, steps, heads, headDim);

    private static float[] Swap(float[] values, int batch, int outer, int inner, int width)
    {
        float[] swapped = new float[values.Length];
        for (int b = 0; b < batch; b++)
        {
            for (int o = 0; o < outer; o++)
            {
                for (int i = 0; i < inner; i++)
                {
                    values.AsSpan((((b * outer) + o) * inner + i) * width, width)
                        .CopyTo(swapped.AsSpan((((b * inner) + i) * outer + o) * width));
                }
            }
        }

        return swapped;
    }
}
