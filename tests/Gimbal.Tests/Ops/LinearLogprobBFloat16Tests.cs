using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>The head in bfloat16: the bits of its parts, whose own tests compare them with formulas.</summary>
public abstract class LinearLogprobBFloat16Tests(string device)
{
    [Theory]
    [InlineData(1, 24, 70, true)]
    [InlineData(40, 33, 513, true)]
    [InlineData(128, 64, 90, true)]
    [InlineData(40, 33, 70, false)]
    public void HasTheBitsOfItsParts(int rows, int width, int vocabulary, bool half) => TestDevice.On(device, () =>
    {
        using Subject s = new();
        DType dtype = half ? DType.BFloat16 : DType.Float32;
        Tensor hidden = s.Numbers([rows, width], dtype, seed: 1), head = s.Numbers([vocabulary, width], DType.BFloat16, seed: 2);
        Tensor targets = s.From([.. Enumerable.Range(0, rows).Select(r => r * 31 % vocabulary)]);
        Tensor dlogprob = s.Numbers([rows], DType.Float32, seed: 3), dentropy = s.Numbers([rows], DType.Float32, seed: 4);

        Tensor logits = s.Zeros([rows, vocabulary]);
        Tensor logprob = s.Zeros([rows]), entropy = s.Zeros([rows]), lse = s.Zeros([rows]);
        Ops.Matmul(hidden, head, default, logits, transB: true);
        Ops.LogprobGather(logits, targets, logprob, entropy, lse, 0.8f);
        Ops.LogprobGatherBackward(logits, targets, lse, entropy, dlogprob, dentropy, logits, 0.8f);
        Tensor dhidden = s.Zeros([rows, width], dtype), dhead = s.Numbers([vocabulary, width], DType.Float32, seed: 5);
        Ops.Matmul(logits, head, default, dhidden);
        Ops.Matmul(logits, hidden, default, dhead, transA: true, accumulate: true);

        Tensor fusedLogprob = s.Zeros([rows]), fusedEntropy = s.Zeros([rows]), fusedLse = s.Zeros([rows]);
        Tensor fusedDhidden = s.Zeros([rows, width], dtype), fusedDhead = s.Numbers([vocabulary, width], DType.Float32, seed: 5);
        using PackedMatrix packed = new(s.Device, vocabulary, width, DType.BFloat16);
        packed.Update(head, transposed: true, version: 0);
        Ops.LinearLogprob(hidden, head, packed, targets, fusedLogprob, fusedEntropy, fusedLse, 0.8f);
        Ops.LinearLogprobBackward(hidden, head, packed, targets, lse, entropy, dlogprob, dentropy, fusedDhidden, fusedDhead, 0.8f);
        Assert.Equal(logprob.ToFloats(), fusedLogprob.ToFloats());
        Assert.Equal(entropy.ToFloats(), fusedEntropy.ToFloats());
        Assert.Equal(lse.ToFloats(), fusedLse.ToFloats());
        Assert.Equal(dhidden.ToFloats(), fusedDhidden.ToFloats());
        Assert.Equal(dhead.ToFloats(), fusedDhead.ToFloats());
        return true;
    });

    // More than a chunk of rows: the softmax in the tiles of the product, where the device has the shared memory.
    [Theory]
    [InlineData(131, 33, 1027)]
    [InlineData(200, 808, 513)]
    public void TheTilesOfManyRowsHaveThemToo(int rows, int width, int vocabulary) => TestDevice.OnCuda(() =>
    {
        using Subject s = new();
        Tensor hidden = s.Numbers([rows, width], DType.BFloat16, seed: 1), head = s.Numbers([vocabulary, width], DType.BFloat16, seed: 2);
        Tensor targets = s.From([.. Enumerable.Range(0, rows).Select(r => r * 31 % vocabulary)]), logits = s.Zeros([rows, vocabulary]);
        Tensor logprob = s.Zeros([rows]), entropy = s.Zeros([rows]), lse = s.Zeros([rows]);
        Tensor fusedLogprob = s.Zeros([rows]), fusedEntropy = s.Zeros([rows]), fusedLse = s.Zeros([rows]);
        Ops.Matmul(hidden, head, default, logits, transB: true);
        Ops.LogprobGather(logits, targets, logprob, entropy, lse, 0.8f);
        Ops.LinearLogprob(hidden, head, null, targets, fusedLogprob, fusedEntropy, fusedLse, 0.8f);
        Assert.Equal(logprob.ToFloats(), fusedLogprob.ToFloats());
        Assert.Equal(entropy.ToFloats(), fusedEntropy.ToFloats());
        Assert.Equal(lse.ToFloats(), fusedLse.ToFloats());
        return true;
    });

    [Fact]
    public void RowsLeftOutChangeNoBits() => TestDevice.On(device, () =>
    {
        using Subject s = new();
        const int Rows = 300, Width = 16, Vocabulary = 520;
        Tensor hidden = s.Numbers([Rows, Width], DType.BFloat16, seed: 1), head = s.Numbers([Vocabulary, Width], DType.BFloat16, seed: 2);
        int[] all = [.. Enumerable.Range(0, Rows).Select(r => r % Vocabulary)];
        float[] Run(int[] targets)
        {
            Tensor logprob = s.Zeros([Rows]), lse = s.Zeros([Rows]), dhidden = s.Zeros([Rows, Width], DType.BFloat16);
            Ops.LinearLogprob(hidden, head, null, s.From(targets), logprob, default, lse, 1);
            Ops.LinearLogprobBackward(hidden, head, null, s.From(targets), lse, default, s.Numbers([Rows], DType.Float32, seed: 3),
                default, dhidden, default, 1);
            return [.. logprob.ToFloats().Zip(dhidden.ToFloats().Chunk(Width), (l, d) => (float[])[l, .. d]).SelectMany(x => x)];
        }

        float[] whole = Run(all), part = Run([.. all.Select((target, r) => r % 3 == 1 ? -1 : target)]);
        for (int i = 0; i < whole.Length; i++)
        {
            Assert.Equal(i / (Width + 1) % 3 == 1 ? 0 : whole[i], part[i]);
        }

        return true;
    });

    private sealed class Subject : OpTests
    {
        public new Device Device => base.Device;

        public Tensor From(int[] values) => base.From(values);

        public new Tensor Zeros(Shape shape, DType dtype = DType.Float32) => base.Zeros(shape, dtype);

        /// <summary>Normal numbers, those of bfloat16 rounded.</summary>
        public Tensor Numbers(Shape shape, DType dtype, int seed)
        {
            float[] values = Normal((int)shape.Count, seed);
            if (dtype == DType.Float32)
            {
                return From(values, shape);
            }

            Tensor tensor = Empty(shape, dtype);
            BFloat16.CopyFrom(tensor, BFloat16.Round(values));
            return tensor;
        }
    }
}

public sealed class LinearLogprobBFloat16OnCpu() : LinearLogprobBFloat16Tests("cpu");

public sealed class LinearLogprobBFloat16OnCuda() : LinearLogprobBFloat16Tests("cuda:0");
