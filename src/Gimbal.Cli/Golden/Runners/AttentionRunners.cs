using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Rotary positions, attention, a whole decoder layer.</summary>
internal static class AttentionRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["rope"] = Rope,
        ["attention"] = Attention,
        ["decoder_layer"] = DecoderLayer,
    };

    private static void Rope(GoldenRun run)
    {
        bool interleaved = run.Case.Name.StartsWith("llama2c", StringComparison.Ordinal);
        int headDim = run.Case.Integer("head_dim");
        Tensor table = RotaryTable.Make(run, 64, headDim);
        int[] shape = run.Input("q").Shape;
        (int sequences, int steps) = interleaved ? (shape[0], shape[1]) : (shape[0], shape[2]);
        int[] ids = run.Has("position_ids") ? run.Input("position_ids").Ints()
            : [.. Enumerable.Range(0, sequences * steps).Select(i => i % steps)];
        Tensor positions = run.From(ids);
        foreach (string name in new[] { "q", "k" })
        {
            int heads = interleaved ? run.Input(name).Shape[2] : run.Input(name).Shape[1];
            float[] Tokens(string input) => interleaved ? run.Floats(input)
                : HeadLayout.ToTokens(run.Floats(input), sequences, heads, steps, headDim);
            float[] Back(Tensor tensor) => interleaved ? tensor.ToArray<float>()
                : HeadLayout.ToHeads(tensor.ToArray<float>(), sequences, heads, steps, headDim);
            Tensor x = run.From(Tokens(name), [sequences * steps, heads * headDim]), y = run.New(x.Shape);
            Ops.Rope(x, positions, table, y, heads, interleaved);
            run.Output(name + "_rot", Back(y));
            Tensor dy = run.From(Tokens($"grad_output.{name}_rot"), x.Shape);
            Ops.RopeBackward(dy, positions, table, dy, heads, interleaved);
            run.Gradient(name, Back(dy));
        }

        float[] made = table.ToArray<float>();
        float Entry(int position, int column) => made[(position * headDim) + column];
        int half = headDim / 2;
        run.Output("cos", [.. ids.SelectMany(p => Enumerable.Range(0, headDim).Select(i => Entry(p, i % half)))]);
        run.Output("sin", [.. ids.SelectMany(p => Enumerable.Range(0, headDim).Select(i => Entry(p, half + (i % half))))]);
        run.Output("freqs_cos", [.. Enumerable.Range(0, steps * half).Select(i => Entry(i / half, i % half))]);
        run.Output("freqs_sin", [.. Enumerable.Range(0, steps * half).Select(i => Entry(i / half, half + (i % half)))]);
    }

    private static void Attention(GoldenRun run)
    {
        if (run.Has("q"))
        {
            Core(run);
            return;
        }

        SequenceLayout layout = new(run);
        SelfAttention block = new(run, layout);
        run.Output("y", layout.Unpack(block.Forward(layout.Pack("x"))));
        run.Gradient("x", layout.Unpack(block.Backward(layout.Pack("grad_output.y"))));
        block.Gradients();
    }

    private static void Core(GoldenRun run)
    {
        int[] shape = run.Input("q").Shape;
        (int sequences, int steps, int headDim) = (shape[0], shape[2], shape[3]);
        Tensor Tokens(string name, string heads)
        {
            int count = run.Input(heads).Shape[1];
            return run.From(HeadLayout.ToTokens(run.Floats(name), sequences, count, steps, headDim), [sequences * steps, count * headDim]);
        }

        float[] Back(Tensor tensor) =>
            HeadLayout.ToHeads(tensor.ToArray<float>(), sequences, (int)tensor.Width / headDim, steps, headDim);

        AttentionCore core = new(run, [.. Enumerable.Repeat(steps, sequences)], headDim);
        run.Output("y", Back(core.Forward(Tokens("q", "q"), Tokens("k", "k"), Tokens("v", "v"))));
        (Tensor dq, Tensor dk, Tensor dv) = core.Backward(Tokens("grad_output.y", "q"));
        run.Gradient("q", Back(dq));
        run.Gradient("k", Back(dk));
        run.Gradient("v", Back(dv));
    }

    private static void DecoderLayer(GoldenRun run)
    {
        SequenceLayout layout = new(run);
        SelfAttention attention = new(run, layout);
        FeedForward feedForward = new(run);
        NormBlock norm1 = new(run, "ln1"), norm2 = new(run, "ln2");

        Tensor x = layout.Pack("x"), middle = run.New(x.Shape), y = run.New(x.Shape);
        Ops.Add(x, attention.Forward(norm1.Forward(x)), middle);
        Ops.Add(middle, feedForward.Forward(norm2.Forward(middle)), y);
        run.Output("y", layout.Unpack(y));

        Tensor dy = layout.Pack("grad_output.y"), dmiddle = run.New(x.Shape), dx = run.New(x.Shape);
        Ops.Add(dy, norm2.Backward(feedForward.Backward(dy)), dmiddle);
        Ops.Add(dmiddle, norm1.Backward(attention.Backward(dmiddle)), dx);
        run.Gradient("x", layout.Unpack(dx));
        attention.Gradients();
        feedForward.Gradients();
        norm1.Gradient();
        norm2.Gradient();
    }
}

/// <summary>A root-mean-square norm with its gradients.</summary>
internal sealed class NormBlock(GoldenRun run, string weightName)
{
    private readonly Tensor weight = run.Vector(weightName);
    private Tensor input, rstd, dweight;

    public Tensor Forward(in Tensor x)
    {
        (input, rstd) = (x, run.New([x.Rows]));
        Tensor y = run.New(x.Shape);
        Ops.Rmsnorm(x, weight, y, rstd, run.Case.Number("eps"));
        return y;
    }

    public Tensor Backward(in Tensor dy)
    {
        Tensor dx = run.New(input.Shape);
        dweight = run.New(weight.Shape);
        Ops.RmsnormBackward(dy, input, weight, rstd, dx, dweight);
        return dx;
    }

    public void Gradient() => run.Gradient(weightName, dweight);
}
