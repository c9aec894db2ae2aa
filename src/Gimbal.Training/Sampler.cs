using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>Draws completions and scores them, outside of any training: for preference pairs, and to look at a model.</summary>
/// <param name="model">Draws.</param>
/// <param name="sampling">How tokens are drawn.</param>
/// <param name="seed">Keys the draws.</param>
public sealed class Sampler(LanguageModel model, SamplingOptions sampling, ulong seed)
{
    private const long Draws = 0x5341_4D50;

    /// <summary>Completions of every prompt, those of one prompt together, and their scores.</summary>
    public (IReadOnlyList<Sample> Samples, float?[] Scores) Draw(IReadOnlyList<PromptExample> prompts, int perPrompt, IReward reward)
    {
        Rollout rollout = Rollout.Draw(model, prompts, perPrompt, sampling, seed, Draws, CancellationToken.None);
        rollout.Score(reward, CancellationToken.None);
        return (rollout.Samples, rollout.Scores);
    }
}
