using Gimbal.Tensors;

namespace Gimbal.Tests;

public sealed class RepetitionPenaltyTests : InvariantOpTests
{
    public RepetitionPenaltyTests() : base(1) { }

    private RepetitionPenaltyTests(int threads) : base(threads) { }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void SeenTokensLoseOnce(int vocabulary)
    {
        float[] x = Normal(3 * vocabulary, seed: 1, scale: 2);
        int[] ids = [0, vocabulary / 2, 0, vocabulary - 1, vocabulary - 1];
        Tensor y = Output([3, vocabulary]);
        Ops.RepetitionPenalty(From(x, [3, vocabulary]), From(ids), From(0, 3, 3, 5), y, 1.3f);
        int[][] seen = [ids[..3], [], ids[3..]];
        float[] expected = [.. x.Select((z, i) => !seen[i / vocabulary].Contains(i % vocabulary) ? z : z < 0 ? z * 1.3f : z / 1.3f)];
        AssertSameBits(expected, y.ToArray<float>());
    }

    [Fact]
    public void NamesWhatIsWrong()
    {
        Tensor x = Zeros([1, 4]), y = Zeros([1, 4]);
        AssertOutOfRange("ids[1]: wanted 0 to 3, got 4", () => Ops.RepetitionPenalty(x, From(0, 4), From(0, 2), y, 1.2f));
        AssertInvalid("penalty", () => Ops.RepetitionPenalty(x, From(0, 1), From(0, 2), y, 0));
    }

    protected override float[] Compute()
    {
        Tensor y = Output([5, 803]);
        int[] ids = [.. Enumerable.Range(0, 200).Select(i => i * 131 % 803)];
        Ops.RepetitionPenalty(Place(Normal(5 * 803, seed: 2), [5, 803]), From(ids), From(0, 10, 50, 50, 180, 200), y, 1.2f);
        return y.ToArray<float>();
    }

    protected override InvariantOpTests WithThreads(int count) => new RepetitionPenaltyTests(count);
}
