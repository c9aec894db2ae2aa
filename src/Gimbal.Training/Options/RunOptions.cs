using System.ComponentModel;

namespace Gimbal.Training;

/// <summary>Where a run computes.</summary>
[OptionGroup("")]
public sealed record RunOptions : IOptions
{
    /// <summary>Device: cpu or cuda:N.</summary>
    [Description("Device: cpu or cuda:N.")]
    public string Device { get; init; } = "cpu";

    /// <summary>Threads of the cpu device; 0: one per core.</summary>
    [Description("Threads of the cpu device; 0: one per core.")]
    public int Threads { get; init; } = 0;

    /// <summary>CUDA: forward products too may go through cuBLASLt; sampler and trainer then differ in their last bits.</summary>
    [Description("CUDA: forward products too may go through cuBLASLt; sampler and trainer then differ in their last bits.")]
    public bool Inexact { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public void Validate()
    {
        OptionCheck.AtLeast("threads", Threads, 0);
    }
}
