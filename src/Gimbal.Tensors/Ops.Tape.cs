namespace Gimbal.Tensors;

/// <summary>The recorded forms: what a model and a trainer call. Each op's backward stands beside its forward.</summary>
public static unsafe partial class Ops
{
    /// <summary>y_r = table[ids_r]. <paramref name="table"/> (vocabulary, width), <paramref name="ids"/> (rows).</summary>
    public static Tensor Embedding(Tape tape, Parameter table, in Tensor ids)
    {
        ArgumentNullException.ThrowIfNull(tape);
        ArgumentNullException.ThrowIfNull(table);
        Tensor y = tape.Output(table.Value.DType, [ids.Count, table.Shape.Width], "embedding");
        Embedding(table.Value, ids, y);
        if (tape.Recording && table.IsTrainable)
        {
            tape.Record(new TapeEntry { Backward = Backward, Output = y, A = ids, Weight = table });
        }

        return y;

        static void Backward(Tape tape, in TapeEntry entry)
        {
            if (Tape.TryGradient(entry.Output, out Tensor dy))
            {
                EmbeddingBackward(dy, entry.A, entry.Weight!.Gradient);
            }
        }
    }

    /// <summary>y_r = x[rows_r]: the rows of hidden states that a head needs. No row may be asked for twice.</summary>
    public static Tensor GatherRows(Tape tape, in Tensor x, in Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(tape);
        Tensor y = tape.Output(x.DType, [rows.Count, x.Width], "gather_rows");
        Embedding(x, rows, y);
        if (tape.Recording)
        {
            tape.Record(new TapeEntry { Backward = Backward, Output = y, A = x, B = rows });
        }

        return y;

        static void Backward(Tape tape, in TapeEntry entry)
        {
            if (Tape.TryGradient(entry.Output, out Tensor dy) && tape.Target(entry.A, out bool accumulate) is { IsEmpty: false } dx)
            {
                Tensor scattered = accumulate ? tape.Arena.Allocate(dx.DType, dx.Shape, "gather_rows") : dx;
                scattered.Clear();
                ScatterRows(dy, entry.B, scattered);
                if (accumulate)
                {
                    Add(dx, scattered, dx);
                }
            }
        }
    }

    /// <summary>Root-mean-square norm (Zhang &amp; Sennrich 2019) of every row.</summary>
    public static Tensor Rmsnorm(Tape tape, in Tensor x, Parameter weight, float epsilon)
    {
        ArgumentNullException.ThrowIfNull(tape);
        ArgumentNullException.ThrowIfNull(weight);
        Tensor y = tape.Output(x.DType, x.Shape, "rmsnorm");
        Tensor rstd = tape.Recording ? tape.Arena.Allocate(DType.Float32, new Shape(x.Rows), "rmsnorm") : default;
        Rmsnorm(x, weight.Value, y, rstd, epsilon);
        if (tape.Recording)
        {
            tape.Record(new TapeEntry { Backward = Backward, Output = y, A = x, B = rstd, Weight = weight });
        }

        return y;

        static void Backward(Tape tape, in TapeEntry entry)
        {
            if (Tape.TryGradient(entry.Output, out Tensor dy))
            {
                Tensor dx = tape.TargetOrScratch(entry.A, out bool accumulate);
                RmsnormBackward(dy, entry.A, entry.Weight!.Value, entry.B, dx, entry.Weight.Gradient, accumulate);
            }
        }
    }

    /// <summary>Layer norm (Ba et al. 2016) of every row.</summary>
    public static Tensor Layernorm(Tape tape, in Tensor x, Parameter weight, Parameter bias, float epsilon)
    {
        ArgumentNullException.ThrowIfNull(tape);
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(bias);
        Tensor y = tape.Output(x.DType, x.Shape, "layernorm");
        Tensor mean = tape.Recording ? tape.Arena.Allocate(DType.Float32, new Shape(x.Rows), "layernorm") : default;
        Tensor rstd = tape.Recording ? tape.Arena.Allocate(DType.Float32, new Shape(x.Rows), "layernorm") : default;
        Layernorm(x, weight.Value, bias.Value, y, mean, rstd, epsilon);
        if (tape.Recording)
        {
            tape.Record(new TapeEntry { Backward = Backward, Output = y, A = x, B = mean, C = rstd, Weight = weight, Bias = bias });
        }

        return y;

        static void Backward(Tape tape, in TapeEntry entry)
        {
            if (Tape.TryGradient(entry.Output, out Tensor dy))
            {
                Tensor dx = tape.TargetOrScratch(entry.A, out bool accumulate);
                LayernormBackward(dy, entry.A, entry.Weight!.Value, entry.B, entry.C, dx, entry.Weight.Gradient,
                    entry.Bias!.Gradient, accumulate);
            }
        }
    }

    /// <summary>y = x W^T + bias, with the weight (out, in) packed once per version of its store.</summary>
    /// <param name="tape">Recording for training.</param>
    /// <param name="x">(rows, in).</param>
    /// <param name="weight">(out, in).</param>
    /// <param name="bias">(out), or null.</param>
    /// <param name="output">Element type of y: that of x, unless said; logits and scores are float32.</param>
    public static Tensor Linear(Tape tape, in Tensor x, Parameter weight, Parameter? bias = null, DType? output = null)
    {
        ArgumentNullException.ThrowIfNull(tape);
        ArgumentNullException.ThrowIfNull(weight);
        Tensor y = tape.Output(output ?? x.DType, [x.Rows, weight.Shape.Rows], "matmul");
        MatmulPacked(x, weight.Packed(), bias?.Value ?? default, y);
        if (tape.Recording)
        {
            tape.Record(new TapeEntry { Backward = Backward, Output = y, A = x, Weight = weight, Bias = bias });
        }

        return y;

        static void Backward(Tape tape, in TapeEntry entry)
        {
            if (!Tape.TryGradient(entry.Output, out Tensor dy))
            {
                return;
            }

            Parameter weight = entry.Weight!;
            if (weight.IsTrainable)
            {
                Matmul(dy, entry.A, default, weight.Gradient, transA: true, accumulate: true);
            }

            if (entry.Bias is { IsTrainable: true } bias)
            {
                SumRows(dy, bias.Gradient, accumulate: true);
            }

            if (tape.Target(entry.A, out bool accumulate) is { IsEmpty: false } dx)
            {
                MatmulPacked(dy, weight.PackedTransposed(), default, dx, accumulate);
            }
        }
    }

    /// <summary>
    /// Rotates, in place, the first <paramref name="heads"/> heads of every row by its position; the columns behind them (the
    /// values of a fused query, key and value projection) stay.
    /// </summary>
    public static Tensor Rope(Tape tape, in Tensor x, in Tensor positions, in Tensor table, int heads, int headDim, bool interleaved)
    {
        ArgumentNullException.ThrowIfNull(tape);
        Tensor y = tape.InPlace(x);
        Rope(x.Columns(0, (long)heads * headDim), positions, table, y.Columns(0, (long)heads * headDim), heads, interleaved);
        if (tape.Recording)
        {
            tape.Record(new TapeEntry
            {
                Backward = interleaved ? BackwardInterleaved : BackwardHalf,
                Output = y,
                A = x,
                B = positions,
                C = table,
                Integer = heads,
                Scalar = headDim,
            });
        }

        return y;

        static void BackwardHalf(Tape tape, in TapeEntry entry) => Backward(tape, entry, interleaved: false);

        static void BackwardInterleaved(Tape tape, in TapeEntry entry) => Backward(tape, entry, interleaved: true);

        static void Backward(Tape tape, in TapeEntry entry, bool interleaved)
        {
            if (Tape.TryGradient(entry.Output, out Tensor dy))
            {
                int headDim = (int)entry.Scalar;
                Tensor rotated = dy.Columns(0, (long)entry.Integer * headDim);
                RopeBackward(rotated, entry.B, entry.C, rotated, entry.Integer, interleaved);
                tape.Pass(entry.Output, entry.A);
            }
        }
    }

    /// <summary>y_j = gate_j sigmoid(gate_j) up_j of rows gate | up (Shazeer 2020).</summary>
    public static Tensor Swiglu(Tape tape, in Tensor x)
    {
        ArgumentNullException.ThrowIfNull(tape);
        Tensor y = tape.Output(x.DType, [x.Rows, x.Width / 2], "swiglu");
        Swiglu(x, y);
        if (tape.Recording)
        {
            tape.Record(new TapeEntry { Backward = Backward, Output = y, A = x });
        }

        return y;

        static void Backward(Tape tape, in TapeEntry entry)
        {
            if (Tape.TryGradient(entry.Output, out Tensor dy) && tape.FirstTarget(entry.A) is { IsEmpty: false } dx)
            {
                SwigluBackward(dy, entry.A, dx);
            }
        }
    }

    /// <summary>GELU (Hendrycks &amp; Gimpel 2016) of every element.</summary>
    public static Tensor Gelu(Tape tape, in Tensor x, GeluForm form = GeluForm.Tanh)
    {
        ArgumentNullException.ThrowIfNull(tape);
        Tensor y = tape.Output(x.DType, x.Shape, "gelu");
        Gelu(x, y, form);
        if (tape.Recording)
        {
            tape.Record(new TapeEntry { Backward = Backward, Output = y, A = x, Integer = (int)form });
        }

        return y;

        static void Backward(Tape tape, in TapeEntry entry)
        {
            if (Tape.TryGradient(entry.Output, out Tensor dy) && tape.FirstTarget(entry.A) is { IsEmpty: false } dx)
            {
                GeluBackward(dy, entry.A, dx, (GeluForm)entry.Integer);
            }
        }
    }

    /// <summary>tanh of every element.</summary>
    public static Tensor Tanh(Tape tape, in Tensor x)
    {
        ArgumentNullException.ThrowIfNull(tape);
        Tensor y = tape.Output(x.DType, x.Shape, "tanh");
        Tanh(x, y);
        if (tape.Recording)
        {
            tape.Record(new TapeEntry { Backward = Backward, Output = y, A = x });
        }

        return y;

        static void Backward(Tape tape, in TapeEntry entry)
        {
            if (Tape.TryGradient(entry.Output, out Tensor dy) && tape.FirstTarget(entry.A) is { IsEmpty: false } dx)
            {
                TanhBackward(dy, entry.Output, dx);
            }
        }
    }

    /// <summary>a + b, written over <paramref name="b"/>: the residual connection. b must not be used afterwards.</summary>
    public static Tensor Add(Tape tape, in Tensor a, in Tensor b)
    {
        ArgumentNullException.ThrowIfNull(tape);
        Tensor y = tape.InPlace(b);
        Add(a, b, y);
        if (tape.Recording)
        {
            tape.Record(new TapeEntry { Backward = Backward, Output = y, A = a, B = b });
        }

        return y;

        static void Backward(Tape tape, in TapeEntry entry)
        {
            tape.Pass(entry.Output, entry.B);
            tape.Pass(entry.Output, entry.A);
        }
    }
}
