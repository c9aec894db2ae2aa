using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>The chunked head of the tape: rows of coefficient 0 are left out of its gradients.</summary>
public sealed class TapeHeadTests() : OpTests(threads: 2)
{
    private const int Rows = 300, Width = 20, Vocabulary = 700;

    [Fact]
    public void RowsOfNoCoefficientChangeNoBit()
    {
        float[] hidden = Normal(Rows * Width, seed: 1);
        (float[] dhidden, float[] dhead) = Gradients(hidden, LossByCoefficient);
        (float[] wantedHidden, float[] wantedHead) = Gradients(hidden, LossByLogits);
        AssertSameBits(wantedHidden, dhidden);
        AssertSameBits(wantedHead, dhead);
        Assert.True(dhidden.AsSpan(128 * Width, 128 * Width).IndexOfAnyExcept(0f) < 0);
        Assert.Contains(dhead, value => value != 0);
    }

    [Fact]
    public void RowsOfNoCoefficientAreNotRead()
    {
        Assert.SkipUnless(TestDevice.IsCpu, "a device whose host cannot see the coefficients multiplies by 0");
        float[] hidden = Normal(Rows * Width, seed: 1), spoiled = [.. hidden];
        for (int r = 0; r < Rows; r++)
        {
            if (Coefficient(r) == 0)
            {
                spoiled.AsSpan(r * Width, Width).Fill(float.NaN);
            }
        }

        (float[] dhidden, float[] dhead) = Gradients(spoiled, LossByCoefficient);
        (float[] wantedHidden, float[] wantedHead) = Gradients(hidden, LossByCoefficient);
        AssertSameBits(wantedHidden, dhidden);
        AssertSameBits(wantedHead, dhead);
    }

    // The first chunk in part, the second not at all, the third whole.
    private static float Coefficient(int row) => row is >= 128 and < 256 || (row < 128 && row % 3 == 1) ? 0 : 0.5f + row % 7;

    private static HeadGradient LossByCoefficient(in HeadRows rows)
    {
        rows.DLogprob.CopyFrom<float>(Coefficients(rows));
        return HeadGradient.Logprob;
    }

    /// <summary>The same loss, which keeps to itself which of its rows count.</summary>
    private HeadGradient LossByLogits(in HeadRows rows)
    {
        Tensor logprob = Empty([rows.Count]), lse = Empty([rows.Count]);
        Ops.LogprobGather(rows.Logits, rows.Targets, logprob, default, lse);
        Ops.LogprobGatherBackward(rows.Logits, rows.Targets, lse, default, From(Coefficients(rows)), default, rows.Logits);
        return HeadGradient.Logits;
    }

    private static float[] Coefficients(in HeadRows rows)
    {
        int start = rows.Start;
        return [.. Enumerable.Range(0, rows.Count).Select(i => Coefficient(start + i))];
    }

    private (float[] Dhidden, float[] Dhead) Gradients(float[] hidden, RowLoss loss)
    {
        using ParameterStore store = new(Device, trainable: true);
        Parameter table = store.Add("hidden", [Rows, Width], decays: false), head = store.Add("head", [Vocabulary, Width], decays: false);
        store.Allocate();
        table.Value.CopyFrom<float>(hidden);
        head.Value.CopyFrom<float>(Normal(Vocabulary * Width, seed: 2, scale: 0.3f));
        store.Touch();
        using Arena arena = new(Device, 16 << 20);
        Tape tape = new(arena) { Recording = true };
        Tensor ids = From([.. Enumerable.Range(0, Rows)], [Rows]);
        Tensor targets = From([.. Enumerable.Range(0, Rows).Select(r => r * 7919 % Vocabulary)], [Rows]);
        Ops.LinearLogprob(tape, Ops.Embedding(tape, table, ids), head, targets, 1, loss);
        tape.Backward();
        return (table.Gradient.ToArray<float>(), head.Gradient.ToArray<float>());
    }
}
