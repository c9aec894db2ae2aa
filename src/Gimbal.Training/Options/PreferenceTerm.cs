using System.Globalization;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>Which rejected completion, and which reference, a chosen one is compared with.</summary>
public enum PairMatching
{
    /// <summary>Those of its own pair.</summary>
    OwnPair,

    /// <summary>Own rejected completion; the reference's log-ratio of equal rank among the pairs of the step (AOT, paired).</summary>
    RanksOfRatios,

    /// <summary>The rejected completion whose log-ratio has equal rank among the rejected ones of the step (AOT, unpaired).</summary>
    RanksOfSides,
}

/// <summary>One of the losses that <c>dpo.loss</c> adds up.</summary>
/// <param name="Name">As the option has it.</param>
/// <param name="Form">The formula; null for the negative log-likelihood of the chosen completions.</param>
/// <param name="Matching">What is compared with what.</param>
/// <param name="Weight">Its share.</param>
public sealed record PreferenceTerm(string Name, PreferenceForm? Form, PairMatching Matching, float Weight)
{
    /// <summary>The losses by name.</summary>
    public static IReadOnlyDictionary<string, PreferenceTerm> Known { get; } = new PreferenceTerm[]
    {
        new("sigmoid", PreferenceForm.Sigmoid, PairMatching.OwnPair, 1),
        new("robust", PreferenceForm.Robust, PairMatching.OwnPair, 1),
        new("hinge", PreferenceForm.Hinge, PairMatching.OwnPair, 1),
        new("ipo", PreferenceForm.Ipo, PairMatching.OwnPair, 1),
        new("exo_pair", PreferenceForm.Exo, PairMatching.OwnPair, 1),
        new("nca_pair", PreferenceForm.Nca, PairMatching.OwnPair, 1),
        new("bco_pair", PreferenceForm.Bco, PairMatching.OwnPair, 1),
        new("apo_zero", PreferenceForm.ApoZero, PairMatching.OwnPair, 1),
        new("apo_down", PreferenceForm.ApoDown, PairMatching.OwnPair, 1),
        new("sppo_hard", PreferenceForm.Sppo, PairMatching.OwnPair, 1),
        new("discopop", PreferenceForm.Discopop, PairMatching.OwnPair, 1),
        new("odds_ratio", PreferenceForm.OddsRatio, PairMatching.OwnPair, 1),
        new("aot", PreferenceForm.Sigmoid, PairMatching.RanksOfRatios, 1),
        new("aot_unpaired", PreferenceForm.Sigmoid, PairMatching.RanksOfSides, 1),
        new("sft", null, PairMatching.OwnPair, 1),
    }.ToDictionary(term => term.Name);

    /// <summary>Reads <c>name</c> or <c>name:weight, name:weight, ...</c>.</summary>
    /// <exception cref="InvalidConfigException">A name is unknown, or a weight no number.</exception>
    public static IReadOnlyList<PreferenceTerm> Parse(string key, string text)
    {
        List<PreferenceTerm> terms = [];
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            string[] words = part.Split(':', 2, StringSplitOptions.TrimEntries);
            OptionCheck.OneOf(key, words[0], [.. Known.Keys]);
            float weight = 1;
            if (words.Length == 2 && !float.TryParse(words[1], NumberStyles.Float, CultureInfo.InvariantCulture, out weight))
            {
                throw new InvalidConfigException(key, $"'{words[1]}' is no weight of the loss {words[0]}; write {words[0]}:0.5.");
            }

            terms.Add(Known[words[0]] with { Weight = weight });
        }

        return terms;
    }
}
