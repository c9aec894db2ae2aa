using System.Runtime.InteropServices;
using System.Text.Json;
using Gimbal.Native;
using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>The layer and optimizer ops against numbers of PyTorch, Hugging Face and llama2.c.</summary>
public sealed class LayersGoldenTests : OpTests
{
    [Fact]
    public void Embedding()
    {
        foreach (GoldenCase golden in GoldenCase.Of("embedding"))
        {
            int[] shape = golden.ShapeOf("weight"), ids = golden.Integers("ids");
            Tensor y = Empty([ids.Length, shape[1]]), dtable = Zeros([shape[0], shape[1]]);
            Ops.Embedding(From(golden.Input("weight"), [shape[0], shape[1]]), From(ids), y);
            golden.AssertOutput("y", y.ToArray<float>());
            Ops.EmbeddingBackward(From(golden.Input("grad_output.y"), y.Shape), From(ids), dtable);
            golden.AssertGradient("weight", dtable.ToArray<float>());
        }
    }

    [Fact]
    public void Rmsnorm()
    {
        foreach (GoldenCase golden in GoldenCase.Of("rmsnorm"))
        {
            Tensor weight = From(golden.Input("weight")), x = Rows(golden, "x", weight.Count);
            Tensor y = Empty(x.Shape), rstd = Empty([x.Rows]), dx = Empty(x.Shape), dweight = Zeros(weight.Shape);
            Ops.Rmsnorm(x, weight, y, rstd, (float)golden.Parameter("eps"));
            golden.AssertOutput("y", y.ToArray<float>());
            Ops.RmsnormBackward(Rows(golden, "grad_output.y", weight.Count), x, weight, rstd, dx, dweight);
            golden.AssertGradient("x", dx.ToArray<float>());
            golden.AssertGradient("weight", dweight.ToArray<float>());
        }
    }

    [Fact]
    public void Layernorm()
    {
        foreach (GoldenCase golden in GoldenCase.Of("layernorm"))
        {
            Tensor weight = From(golden.Input("weight")), x = Rows(golden, "x", weight.Count), y = Empty(x.Shape);
            Tensor mean = Empty([x.Rows]), rstd = Empty([x.Rows]), dx = Empty(x.Shape);
            Tensor dweight = Zeros(weight.Shape), dbias = Zeros(weight.Shape);
            Ops.Layernorm(x, weight, From(golden.Input("bias")), y, mean, rstd, (float)golden.Parameter("eps"));
            golden.AssertOutput("y", y.ToArray<float>());
            Ops.LayernormBackward(Rows(golden, "grad_output.y", weight.Count), x, weight, mean, rstd, dx, dweight, dbias);
            golden.AssertGradient("x", dx.ToArray<float>());
            golden.AssertGradient("weight", dweight.ToArray<float>());
            golden.AssertGradient("bias", dbias.ToArray<float>());
        }
    }

    [Theory]
    [InlineData("q")]
    [InlineData("k")]
    public void Rope(string name)
    {
        foreach (GoldenCase golden in GoldenCase.Of("rope"))
        {
            int[] shape = golden.ShapeOf(name);
            int dim = shape[3], rows = shape[0] * shape[1] * shape[2];
            bool interleaved = golden.Parameters.GetProperty("pairing").GetString() == "(2j, 2j+1)";
            bool headsFirst = golden.Parameters.GetProperty("layout").GetString() == "[B,heads,T,head_dim]";
            int steps = shape[headsFirst ? 2 : 1];
            // One row for each head: (batch, head, step) or (batch, step, head).
            int Step(int row) => headsFirst ? row % steps : row / shape[2] % steps;
            int Batch(int row) => row / (shape[1] * shape[2]);
            int[] ids = golden.HasInput("position_ids") ? golden.Integers("position_ids") : [];
            Tensor positions = From([.. Enumerable.Range(0, rows)
                .Select(r => ids.Length == 0 ? Step(r) : ids[Batch(r) * steps + Step(r)])], [rows]);
            Tensor table = From(Table(16, dim, golden.Parameter("theta")), [16, dim]);
            Tensor x = From(golden.Input(name), [rows, dim]), dx = From(golden.Input($"grad_output.{name}_rot"), [rows, dim]);
            Ops.Rope(x, positions, table, x, 1, interleaved);
            golden.AssertOutput($"{name}_rot", x.ToArray<float>());
            Ops.RopeBackward(dx, positions, table, dx, 1, interleaved);
            golden.AssertGradient(name, dx.ToArray<float>());
        }
    }

    [Fact]
    public void SwigluMlp()
    {
        foreach (GoldenCase golden in GoldenCase.Of("swiglu_mlp"))
        {
            int hidden = (int)golden.Parameter("hidden"), inner = (int)golden.Parameter("intermediate");
            float[] gate = golden.Input("gate"), up = golden.Input("up");
            Tensor weight = From([.. gate, .. up], [2 * inner, hidden]), down = From(golden.Input("down"), [hidden, inner]);
            Tensor x = Rows(golden, "x", hidden), dy = Rows(golden, "grad_output.y", hidden), y = Empty(x.Shape);
            Tensor projected = Empty([x.Rows, 2 * inner]), activated = Empty([x.Rows, inner]), dactivated = Empty([x.Rows, inner]);
            Tensor dx = Empty(x.Shape), dweight = Empty(weight.Shape), ddown = Empty(down.Shape);
            Ops.Matmul(x, weight, default, projected, transB: true);
            Ops.Swiglu(projected, activated);
            Ops.Matmul(activated, down, default, y, transB: true);
            golden.AssertOutput("y", y.ToArray<float>());
            Ops.Matmul(dy, down, default, dactivated);
            Ops.Matmul(dy, activated, default, ddown, transA: true);
            Ops.SwigluBackward(dactivated, projected, projected);
            Ops.Matmul(projected, weight, default, dx);
            Ops.Matmul(projected, x, default, dweight, transA: true);
            golden.AssertGradient("x", dx.ToArray<float>());
            golden.AssertGradient("gate", dweight.RowRange(0, inner).ToArray<float>());
            golden.AssertGradient("up", dweight.RowRange(inner, inner).ToArray<float>());
            golden.AssertGradient("down", ddown.ToArray<float>());
        }
    }

    [Fact]
    public void Activations()
    {
        int found = 0;
        foreach (GoldenCase golden in GoldenCase.Of("activation"))
        {
            Tensor x = From(golden.Input("x")), dy = From(golden.Input("grad_output.y")), y = Empty(x.Shape), dx = Empty(x.Shape);
            switch (golden.Name)
            {
                case "torch_gelu_erf" or "torch_gelu_tanh":
                    GeluForm form = golden.Name == "torch_gelu_erf" ? GeluForm.Erf : GeluForm.Tanh;
                    Ops.Gelu(x, y, form);
                    Ops.GeluBackward(dy, x, dx, form);
                    break;
                case "torch_tanh":
                    Ops.Tanh(x, y);
                    Ops.TanhBackward(dy, y, dx);
                    break;
                default:
                    continue;
            }

            found++;
            golden.AssertOutput("y", y.ToArray<float>());
            golden.AssertGradient("x", dx.ToArray<float>());
        }

        Assert.Equal(3, found);
    }

    [Fact]
    public void Adamw()
    {
        foreach (GoldenCase golden in GoldenCase.Of("optimizer"))
        {
            JsonElement betas = golden.Parameters.GetProperty("betas"), limit = golden.Parameters.GetProperty("max_grad_norm");
            float beta1 = betas[0].GetSingle(), beta2 = betas[1].GetSingle();
            float maxNorm = limit.ValueKind == JsonValueKind.Number ? limit.GetSingle() : 0;
            float[] w = golden.Input("p_w"), b = golden.Input("p_b"), gw = golden.Input("g_w"), gb = golden.Input("g_b");
            Tensor weights = From<float>([.. w, .. b]), m = Zeros(weights.Shape), v = Zeros(weights.Shape);
            for (int step = 1; step <= golden.Parameter("steps"); step++)
            {
                Tensor gradients = From<float>([.. gw.AsSpan((step - 1) * w.Length, w.Length), .. gb.AsSpan((step - 1) * b.Length, b.Length)]);
                StepState values = new()
                {
                    LearningRate = (float)golden.Parameter("lr"),
                    BiasCorrection1 = (float)(1 - Math.Pow(beta1, step)),
                    BiasCorrection2 = (float)(1 - Math.Pow(beta2, step)),
                };
                Tensor state = Zeros([Marshal.SizeOf<StepState>()], DType.UInt8);
                state.CopyFrom<byte>(MemoryMarshal.AsBytes(new ReadOnlySpan<StepState>(in values)));
                Ops.GradNorm(gradients, state, maxNorm);
                Ops.Adamw(weights, gradients, m, v, default, state, weights.Count, beta1, beta2, (float)golden.Parameter("eps"),
                    (float)golden.Parameter("weight_decay"));
                float[] after = weights.ToArray<float>();
                golden.AssertOutput($"w_after_step{step}", after.AsSpan(0, w.Length));
                golden.AssertOutput($"b_after_step{step}", after.AsSpan(w.Length));
            }

            golden.AssertOutput("w_final_m", m.ToArray<float>().AsSpan(0, w.Length));
            golden.AssertOutput("w_final_v", v.ToArray<float>().AsSpan(0, w.Length));
        }
    }

    [Fact]
    public void GradNorm()
    {
        foreach (GoldenCase golden in GoldenCase.Of("clip_grad_norm"))
        {
            if (golden.Parameters.GetProperty("norm_type").ValueKind != JsonValueKind.Number)
            {
                continue;
            }

            float[] a = golden.Input("g_a"), b = golden.Input("g_b");
            Tensor gradients = From<float>([.. a, .. b]), state = Zeros([Marshal.SizeOf<StepState>()], DType.UInt8);
            Ops.GradNorm(gradients, state, (float)golden.Parameter("max_norm"));
            StepState values = MemoryMarshal.Read<StepState>(state.ToArray<byte>());
            golden.AssertOutput("total_norm", [values.GradientNorm]);
            Ops.Scale(gradients, values.ClipCoefficient);
            golden.AssertOutput("clipped_a", gradients.ToArray<float>().AsSpan(0, a.Length));
            golden.AssertOutput("clipped_b", gradients.ToArray<float>().AsSpan(a.Length));
        }
    }

    private Tensor Rows(GoldenCase golden, string key, long width)
    {
        float[] values = golden.Input(key);
        return From(values, [values.Length / width, width]);
    }

    private static float[] Table(int positions, int dim, double theta)
    {
        float[] table = new float[positions * dim];
        for (int i = 0; i < positions * dim; i++)
        {
            double angle = i / dim * Math.Pow(theta, -2.0 * (i % (dim / 2)) / dim);
            table[i] = (float)(i % dim < dim / 2 ? Math.Cos(angle) : Math.Sin(angle));
        }

        return table;
    }
}
