using System.Globalization;
using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>
/// Two-digit addition, character by character, learnt from partly wrong demonstrations: <c>07+45=</c> is answered by <c>52</c> and an
/// end token. The errors are systematic, so that a model which imitates them well stays wrong when it decodes greedily, while its
/// samples still show right answers for reinforcement to find.
/// </summary>
/// <remarks>
/// The 5,050 unordered pairs of operands are split into train, tuning and held-out, both orders of a pair on the same side.
/// Everything is a function of the seed. Errors of the demonstrations: a problem with a carry drops all its carries with
/// probability 0.7; a problem without one gets 10 added, a spurious carry, with probability 0.3. About 58% come out wrong.
/// </remarks>
public sealed class SumsTask
{
    /// <summary>Probability that a demonstration of a problem with a carry drops its carries.</summary>
    public const double DroppedCarry = 0.7;

    /// <summary>Probability that a demonstration of a problem without a carry adds 10.</summary>
    public const double SpuriousCarry = 0.3;

    /// <summary>Longest completion in tokens: three digits and the end token.</summary>
    public const int MaxCompletionTokens = 4;

    /// <summary>The column of the prompts that holds the right answer.</summary>
    public const string AnswerColumn = "answer";

    private const int TuningPairs = 250;
    private const int HeldOutPairs = 600;

    private readonly ulong seed;
    private readonly (int Left, int Right)[] train;

    /// <summary>Splits the problems by a seed.</summary>
    public SumsTask(ulong seed = 0)
    {
        this.seed = seed;
        List<(int Left, int Right)> pairs = [];
        for (int left = 0; left < 100; left++)
        {
            for (int right = left; right < 100; right++)
            {
                pairs.Add((left, right));
            }
        }

        (int Left, int Right)[] shuffled = [.. pairs];
        SplitMix64.Keyed(seed, 0).Shuffle(shuffled.AsSpan());
        train = BothOrders(shuffled.AsSpan(HeldOutPairs + TuningPairs));
        Train = ToPrompts(train);
        Tuning = ToPrompts(BothOrders(shuffled.AsSpan(HeldOutPairs, TuningPairs)));
        HeldOut = ToPrompts(BothOrders(shuffled.AsSpan(0, HeldOutPairs)));
        Reward = Training.Reward.Create(sample => sample.Ended && Verify(sample.Prompt, sample.Completion) ? 1f : 0f, "sums");
    }

    /// <summary>The characters of problems and answers.</summary>
    public static string Alphabet => "0123456789+=";

    /// <summary>The tokenizer of the task: pad, end, then the <see cref="Alphabet"/>; 14 tokens.</summary>
    public static CharacterTokenizer CreateTokenizer() => new(Alphabet, bos: null);

    /// <summary>Problems to train on, about 8,300, with column <c>answer</c>.</summary>
    public PromptDataset Train { get; }

    /// <summary>Problems for choosing settings, about 500.</summary>
    public PromptDataset Tuning { get; }

    /// <summary>Problems to judge by, about 1,190 and never fewer than 1,000.</summary>
    public PromptDataset HeldOut { get; }

    /// <summary>1 where the completion is the exact answer and ended with the end token, else 0.</summary>
    public IReward Reward { get; }

    /// <summary>Demonstrations of training problems, each drawn with errors of its own.</summary>
    /// <param name="count">Number of rows; the first rows of a longer set are the same.</param>
    public CompletionDataset Demonstrations(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        SplitMix64 random = SplitMix64.Keyed(seed, 1);
        CompletionExample[] rows = new CompletionExample[count];
        for (int i = 0; i < count; i++)
        {
            (int left, int right) = train[random.Below(train.Length)];
            rows[i] = new CompletionExample(Problem(left, right), Digits(Demonstrate(left, right, random.NextDouble())));
        }

        return new CompletionDataset(rows);
    }

    /// <summary>Whether a completion, trimmed of nothing, is the exact answer of a problem <c>dd+dd=</c>.</summary>
    /// <exception cref="GimbalException">The prompt is not of that form.</exception>
    public static bool Verify(string prompt, string completion)
    {
        (int left, int right) = Parse(prompt);
        return completion == Digits(left + right);
    }

    /// <summary>The problem as a prompt, both operands in 0 .. 99.</summary>
    public static string Problem(int left, int right) => string.Create(CultureInfo.InvariantCulture, $"{left:00}+{right:00}=");

    /// <summary>Whether adding the two operands carries in either column.</summary>
    public static bool HasCarry(int left, int right) => WithoutCarries(left, right) != left + right;

    /// <summary>The sum with every column taken modulo 10 and no carry passed on: 07 + 45 gives 42.</summary>
    public static int WithoutCarries(int left, int right) =>
        (left % 10 + right % 10) % 10 + 10 * ((left / 10 + right / 10) % 10);

    private static int Demonstrate(int left, int right, double chance)
    {
        if (HasCarry(left, right))
        {
            return chance < DroppedCarry ? WithoutCarries(left, right) : left + right;
        }

        return chance < SpuriousCarry ? left + right + 10 : left + right;
    }

    private static (int Left, int Right) Parse(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return prompt.Length == 6 && prompt[2] == '+' && prompt[5] == '='
            && char.IsAsciiDigit(prompt[0]) && char.IsAsciiDigit(prompt[1]) && char.IsAsciiDigit(prompt[3]) && char.IsAsciiDigit(prompt[4])
            ? (Number(prompt[0], prompt[1]), Number(prompt[3], prompt[4]))
            : throw new GimbalException($"{Training.Reward.Excerpt(prompt)} is not a problem of the sums task, expected the form \"07+45=\"");
    }

    private static int Number(char tens, char units) => 10 * (tens - '0') + (units - '0');

    private static string Digits(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static (int Left, int Right)[] BothOrders(ReadOnlySpan<(int Left, int Right)> pairs)
    {
        List<(int Left, int Right)> problems = [];
        foreach ((int left, int right) in pairs)
        {
            problems.Add((left, right));
            if (left != right)
            {
                problems.Add((right, left));
            }
        }

        return [.. problems];
    }

    private static PromptDataset ToPrompts((int Left, int Right)[] problems) => new(problems.Select(problem =>
        new PromptExample(Problem(problem.Left, problem.Right),
            Columns: new Dictionary<string, string> { [AnswerColumn] = Digits(problem.Left + problem.Right) })));
}
