using Gimbal.Tensors;

namespace Gimbal.Cli.Golden.Runners;

/// <summary>Embeddings, norms, activations, the feed-forward block.</summary>
internal static class LayerRunners
{
    public static readonly Dictionary<string, Action<GoldenRun>> All = new()
    {
        ["embedding"] = Embedding,
        ["rmsnorm"] = Rmsnorm,
        ["layernorm"] = Layernorm,
        ["activation"] = Activation,
        ["swiglu_mlp"] = SwigluMlp,
    };

    private static void Embedding(GoldenRun run)
    {
        Tensor table = run.Tensor("weight"), ids = run.From(run.Input("ids").Ints());
        Tensor y = run.New([ids.Count, table.Width]), dtable = run.New(table.Shape);
        Ops.Embedding(table, ids, y);
        run.Output("y", y);
        Ops.EmbeddingBackward(run.Tensor("grad_output.y"), ids, dtable);
        run.Gradient("weight", dtable);
    }

    private static void Rmsnorm(GoldenRun run)
    {
        Tensor x = run.Tensor("x"), weight = run.Vector("weight");
        Tensor y = run.New(x.Shape), rstd = run.New([x.Rows]), dx = run.New(x.Shape), dweight = run.New(weight.Shape);
        Ops.Rmsnorm(x, weight, y, rstd, run.Case.Number("eps"));
        run.Output("y", y);
        Ops.RmsnormBackward(run.Tensor("grad_output.y"), x, weight, rstd, dx, dweight);
        run.Gradient("x", dx);
        run.Gradient("weight", dweight);
    }

    private static void Layernorm(GoldenRun run)
    {
        Tensor x = run.Tensor("x"), weight = run.Vector("weight"), bias = run.Vector("bias");
        Tensor y = run.New(x.Shape), mean = run.New([x.Rows]), rstd = run.New([x.Rows]);
        Ops.Layernorm(x, weight, bias, y, mean, rstd, run.Case.Number("eps"));
        run.Output("y", y);
        Tensor dx = run.New(x.Shape), dweight = run.New(weight.Shape), dbias = run.New(bias.Shape);
        Ops.LayernormBackward(run.Tensor("grad_output.y"), x, weight, mean, rstd, dx, dweight, dbias);
        run.Gradient("x", dx);
        run.Gradient("weight", dweight);
        run.Gradient("bias", dbias);
    }

    private static void Activation(GoldenRun run)
    {
        Tensor x = run.Vector("x"), dy = run.Vector("grad_output.y"), y = run.New(x.Shape), dx = run.New(x.Shape);
        switch (run.Case.Name)
        {
            case "torch_gelu_erf" or "torch_gelu_tanh":
                GeluForm form = run.Case.Name == "torch_gelu_erf" ? GeluForm.Erf : GeluForm.Tanh;
                Ops.Gelu(x, y, form);
                Ops.GeluBackward(dy, x, dx, form);
                break;
            case "torch_tanh":
                Ops.Tanh(x, y);
                Ops.TanhBackward(dy, y, dx);
                break;
            case "torch_silu":
                // SwiGLU with an up projection of 1 is SiLU.
                Tensor gateAndOne = run.New([x.Count, 2]), dpair = run.New([x.Count, 2]);
                gateAndOne.CopyFrom<float>([.. run.Floats("x").SelectMany(v => new[] { v, 1f })]);
                y = run.New([x.Count, 1]);
                Ops.Swiglu(gateAndOne, y);
                Ops.SwigluBackward(dy.Reshape([x.Count, 1]), gateAndOne, dpair);
                dx = run.From([.. dpair.ToArray<float>().Where((_, i) => i % 2 == 0)]);
                break;
            case "torch_logsigmoid" or "torch_softplus":
                // The Bradley-Terry loss of (chosen, rejected) is softplus(rejected - chosen).
                bool negate = run.Case.Name == "torch_logsigmoid";
                Tensor zero = run.New(x.Shape), dzero = run.New(x.Shape), statistics = run.New([6], DType.Float64);
                if (negate)
                    Ops.Scale(dy, -1);
                Ops.RewardLoss(negate ? x : zero, negate ? zero : x, default, dy, run.New(x.Shape), negate ? dx : dzero,
                    negate ? dzero : dx, statistics);
                Ops.RewardLoss(negate ? x : zero, negate ? zero : x, default, default, y, run.New(x.Shape), run.New(x.Shape), statistics);
                if (negate)
                    Ops.Scale(y, -1);
                break;
            case "torch_relu_squared":
                Ops.ReluSquared(x, y);
                Ops.ReluSquaredBackward(dy, x, dx);
                break;
            default:
                throw new UnsupportedCaseException("no op of the engine computes it");
        }

        run.Output("y", y);
        run.Gradient("x", dx);
    }

    private static void SwigluMlp(GoldenRun run)
    {
        Tensor x = run.Tensor("x");
        FeedForward block = new(run);
        run.Output("y", block.Forward(x));
        run.Gradient("x", block.Backward(run.Tensor("grad_output.y")));
        block.Gradients();
    }
}

/// <summary>y = x W^T, weights (out, in), with its gradients.</summary>
internal sealed class Linear(GoldenRun run, string weightName)
{
    private readonly Tensor weight = run.Tensor(weightName);
    private Tensor input, dweight;

    public Tensor Forward(in Tensor x)
    {
        input = x;
        Tensor y = run.New([x.Rows, weight.Rows]);
        Ops.Matmul(x, weight, default, y, transB: true);
        return y;
    }

    public Tensor Backward(in Tensor dy)
    {
        Tensor dx = run.New(input.Shape);
        dweight = run.New(weight.Shape);
        Ops.Matmul(dy, weight, default, dx);
        Ops.Matmul(dy, input, default, dweight, transA: true);
        return dx;
    }

    public void Gradient() => run.Gradient(weightName, dweight);
}

/// <summary>The gated feed-forward block of Llama: down(silu(gate(x)) * up(x)).</summary>
internal sealed class FeedForward(GoldenRun run)
{
    private readonly Linear gate = new(run, "gate"), up = new(run, "up"), down = new(run, "down");
    private Tensor gateAndUp;

    public Tensor Forward(in Tensor x)
    {
        Tensor g = gate.Forward(x), u = up.Forward(x);
        gateAndUp = run.New([x.Rows, 2 * g.Width]);
        Rows.Copy(g, gateAndUp.Columns(0, g.Width));
        Rows.Copy(u, gateAndUp.Columns(g.Width, g.Width));
        Tensor y = run.New([x.Rows, g.Width]);
        Ops.Swiglu(gateAndUp, y);
        return down.Forward(y);
    }

    public Tensor Backward(in Tensor dy)
    {
        Tensor dhidden = down.Backward(dy), dboth = run.New(gateAndUp.Shape);
        Ops.SwigluBackward(dhidden, gateAndUp, dboth);
        long width = dhidden.Width;
        Tensor dgate = run.New([dy.Rows, width]), dup = run.New([dy.Rows, width]);
        Rows.Copy(dboth.Columns(0, width), dgate);
        Rows.Copy(dboth.Columns(width, width), dup);
        Tensor dx = gate.Backward(dgate);
        Ops.Add(dx, up.Backward(dup), dx);
        return dx;
    }

    public void Gradients()
    {
        gate.Gradient();
        up.Gradient();
        down.Gradient();
    }
}

/// <summary>Copies between tensors of which one has gaps between its rows.</summary>
internal static class Rows
{
    public static void Copy(in Tensor from, in Tensor to)
    {
        for (long row = 0; row < from.Rows; row++)
            to.RowRange(row, 1).CopyFrom(from.RowRange(row, 1));
    }
}
