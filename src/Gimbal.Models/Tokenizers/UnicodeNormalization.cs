using System.Globalization;
using System.Text;

namespace Gimbal.Models;

/// <summary>
/// Canonical normalization, forms C and D (Unicode Standard Annex 15). The framework's own does nothing where globalization
/// data is absent, and token ids may not depend on the machine, so the tables come with the library.
/// </summary>
internal sealed class UnicodeNormalization
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28;

    private static readonly Lazy<UnicodeNormalization> Tables = new(() => new UnicodeNormalization());

    private readonly Dictionary<int, (int First, int Second)> decompositions = [];
    private readonly Dictionary<(int First, int Second), int> compositions = [];
    private readonly Dictionary<int, byte> classes = [];

    private UnicodeNormalization()
    {
        const string Resource = "Gimbal.Models.UnicodeCanonical.txt";
        using StreamReader reader = new(typeof(UnicodeNormalization).Assembly.GetManifestResourceStream(Resource)!);
        while (reader.ReadLine() is { } line)
        {
            if (line[0] != '#')
            {
                AddLine(line);
            }
        }
    }

    /// <summary>Form D: everything decomposed, marks in canonical order.</summary>
    public static string Decompose(string text) =>
        // Below U+00C0 nothing decomposes.
        text.AsSpan().ContainsAnyExceptInRange('\0', '\u00BF') ? Join(Tables.Value.DecomposeAll(text)) : text;

    /// <summary>Form C: decomposed, then composed as far as possible.</summary>
    public static string Compose(string text)
    {
        // Below U+0300 everything is in form C already.
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\u02FF'))
        {
            return text;
        }

        List<int> points = Tables.Value.DecomposeAll(text);
        Tables.Value.ComposeAll(points);
        return Join(points);
    }

    private void AddLine(string line)
    {
        int[] values = [.. line.TrimStart('!', '@').Split(' ').Select(hex => int.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
        if (line[0] == '@')
        {
            for (int point = values[0]; point <= values[1]; point++)
            {
                classes[point] = (byte)values[2];
            }

            return;
        }

        (int First, int Second) pair = (values[1], values.Length > 2 ? values[2] : 0);
        decompositions[values[0]] = pair;
        if (line[0] != '!')
        {
            compositions[pair] = values[0];
        }
    }

    private List<int> DecomposeAll(string text)
    {
        List<int> points = new(text.Length + 16);
        foreach (Rune rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, points);
        }

        // Marks between two starters are sorted by class, equal classes keep their order.
        for (int start = 0; start < points.Count; start++)
        {
            int end = start;
            while (end < points.Count && ClassOf(points[end]) != 0)
            {
                end++;
            }

            if (end - start > 1)
            {
                int[] marks = [.. points.GetRange(start, end - start).OrderBy(ClassOf)];
                points.RemoveRange(start, marks.Length);
                points.InsertRange(start, marks);
            }

            start = end;
        }

        return points;
    }

    private void Decompose(int point, List<int> points)
    {
        int syllable = point - HangulBase;
        if (syllable is >= 0 and < LeadCount * VowelCount * TrailCount)
        {
            points.Add(LeadBase + syllable / (VowelCount * TrailCount));
            points.Add(VowelBase + syllable % (VowelCount * TrailCount) / TrailCount);
            if (syllable % TrailCount != 0)
            {
                points.Add(TrailBase + syllable % TrailCount);
            }
        }
        else if (decompositions.TryGetValue(point, out (int First, int Second) pair))
        {
            Decompose(pair.First, points);
            if (pair.Second != 0)
            {
                points.Add(pair.Second);
            }
        }
        else
        {
            points.Add(point);
        }
    }

    // A mark joins the last starter unless a mark of the same or a higher class stands between them.
    private void ComposeAll(List<int> points)
    {
        int starter = -1, written = 0, lastClass = 0;
        for (int i = 0; i < points.Count; i++)
        {
            int point = points[i], @class = ClassOf(point);
            bool adjacent = starter >= 0 && starter == written - 1;
            if (starter >= 0 && (adjacent || lastClass < @class) && Pair(points[starter], point) is { } composed)
            {
                points[starter] = composed;
                continue;
            }

            if (@class == 0)
            {
                starter = written;
            }

            lastClass = @class;
            points[written++] = point;
        }

        points.RemoveRange(written, points.Count - written);
    }

    private int? Pair(int first, int second)
    {
        int lead = first - LeadBase, vowel = second - VowelBase;
        if (lead is >= 0 and < LeadCount && vowel is >= 0 and < VowelCount)
        {
            return HangulBase + (lead * VowelCount + vowel) * TrailCount;
        }

        int syllable = first - HangulBase, trail = second - TrailBase;
        if (syllable is >= 0 and < LeadCount * VowelCount * TrailCount && syllable % TrailCount == 0 && trail is > 0 and < TrailCount)
        {
            return first + trail;
        }

        return compositions.TryGetValue((first, second), out int composed) ? composed : null;
    }

    private int ClassOf(int point) => point < 0x300 ? 0 : classes.GetValueOrDefault(point);

    private static string Join(List<int> points)
    {
        StringBuilder text = new(points.Count);
        Span<char> pair = stackalloc char[2];
        foreach (int point in points)
        {
            text.Append(pair[..new Rune(point).EncodeToUtf16(pair)]);
        }

        return text.ToString();
    }
}
