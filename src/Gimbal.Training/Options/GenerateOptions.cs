using System.ComponentModel;
using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>What the command that generates text takes.</summary>
[OptionGroup("")]
public sealed record GenerateOptions : IOptions
{
    /// <summary>Seed of the draws.</summary>
    [Description("Seed of the draws.")]
    public ulong Seed { get; init; }

    /// <summary>How tokens are drawn.</summary>
    public SamplingOptions Sampling { get; init; } = new() { MaxNewTokens = 256 };

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate() => Sampling.Validate();
}
