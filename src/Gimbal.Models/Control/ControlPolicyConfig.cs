namespace Gimbal.Models;

/// <summary>Shape of a policy for control tasks.</summary>
public sealed record ControlPolicyConfig
{
    /// <summary>Elements of an observation.</summary>
    public required int ObservationSize { get; init; }

    /// <summary>Elements of a continuous action; 1, the index, where there are choices.</summary>
    public int ActionSize { get; init; } = 1;

    /// <summary>Choices of a discrete action; 0: actions are continuous and the policy is Gaussian.</summary>
    public int Choices { get; init; }

    /// <summary>Widths of the hidden layers of actor and critic, tanh after each.</summary>
    public IReadOnlyList<int> HiddenSizes { get; init; } = [64, 64];

    /// <summary>Observations are centred and scaled by running moments before the networks see them.</summary>
    public bool NormalizesObservations { get; init; }

    /// <summary>Whether the action is one of several choices.</summary>
    public bool IsDiscrete => Choices > 0;

    /// <summary>Checks every size.</summary>
    /// <exception cref="ArgumentException">A size is out of range.</exception>
    public void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ObservationSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ActionSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(Choices);
        foreach (int width in HiddenSizes)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(width, 1, nameof(HiddenSizes));
        }

        if (IsDiscrete && ActionSize != 1)
        {
            throw new ArgumentException($"a discrete action is one index, got {ActionSize} elements");
        }
    }
}
