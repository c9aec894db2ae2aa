namespace Gimbal.Training;

/// <summary>Finds the word that was probably meant.</summary>
public static class Spelling
{
    /// <summary>The known word nearest to <paramref name="word"/>, or null if none is near enough to be meant.</summary>
    /// <param name="word">The unknown word.</param>
    /// <param name="known">The words it could be.</param>
    public static string? Nearest(string word, IEnumerable<string> known)
    {
        string? nearest = null;
        int least = (word.Length / 3) + 2;
        foreach (string candidate in known)
        {
            int distance = Distance(word, candidate);
            if (distance < least)
                (least, nearest) = (distance, candidate);
        }

        return nearest;
    }

    /// <summary>Edits that turn <paramref name="a"/> into <paramref name="b"/>: insertions, deletions, replacements and
    /// swaps of neighbours (optimal string alignment), case ignored.</summary>
    public static int Distance(string a, string b)
    {
        int[,] cost = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
            cost[i, 0] = i;
        for (int j = 0; j <= b.Length; j++)
            cost[0, j] = j;

        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = cost[i - 1, j - 1] + (Same(a[i - 1], b[j - 1]) ? 0 : 1);
                cost[i, j] = Math.Min(replace, Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1);
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                    cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
            }
        }

        return cost[a.Length, b.Length];
    }

    private static bool Same(char a, char b) => char.ToLowerInvariant(a) == char.ToLowerInvariant(b);
}
