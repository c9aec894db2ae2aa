namespace Gimbal.Training;

/// <summary>
/// MountainCar-v0 (Moore 1990): rock a weak car out of a valley by pushing left (0), not at all (1) or right (2).
/// State and observation: position, velocity.
/// velocity += 0.001 (action - 1) - 0.0025 cos(3 position), clipped to 0.07; position += velocity, clipped to [-1.2, 0.6],
/// where the left wall stops the car. Terminated at position 0.5; reward -1 a step; truncated after 200.
/// </summary>
public sealed class MountainCar() : ControlTask("MountainCar-v0", 2, 200, Space.Box(2), Space.Discrete(3))
{
    private const double Power = 0.001;
    private const double Goal = 0.5;

    private protected override void Start(ref SplitMix64 random, Span<double> state) => Hill.Start(ref random, state);

    private protected override (double Reward, bool Terminated) Move(double action, Span<double> state)
    {
        Hill.Move((action - 1) * Power, state);
        return (-1, state[0] >= Goal && state[1] >= 0);
    }

    private protected override void Observe(ReadOnlySpan<double> state, Span<float> observation) => Hill.Observe(state, observation);
}

/// <summary>
/// MountainCarContinuous-v0: the valley of <see cref="MountainCar"/> with a force f = clip(action, -1, 1) of power 0.0015.
/// The state is rounded to float32 after every step. Terminated at position 0.45 without moving back;
/// reward -0.1 action^2 (not clipped), and 100 on the terminating step; truncated after 999.
/// </summary>
public sealed class MountainCarContinuous() : ControlTask("MountainCarContinuous-v0", 2, 999, Space.Box(2), Space.Box(-1, 1, 1))
{
    private const double Power = 0.0015;
    private const double Goal = 0.45;

    private protected override void Start(ref SplitMix64 random, Span<double> state) => Hill.Start(ref random, state);

    private protected override (double Reward, bool Terminated) Move(double action, Span<double> state)
    {
        Hill.Move(Math.Clamp(action, -1, 1) * Power, state);
        bool terminated = state[0] >= Goal && state[1] >= 0;
        (state[0], state[1]) = ((float)state[0], (float)state[1]);
        return ((terminated ? 100 : 0) - 0.1 * action * action, terminated);
    }

    private protected override void Observe(ReadOnlySpan<double> state, Span<float> observation) => Hill.Observe(state, observation);
}

/// <summary>What the two mountain-car tasks share.</summary>
internal static class Hill
{
    private const double MaxVelocity = 0.07;
    private const double LeftWall = -1.2;
    private const double RightEnd = 0.6;

    public static void Start(ref SplitMix64 random, Span<double> state) => (state[0], state[1]) = (random.NextDouble(-0.6, -0.4), 0);

    public static void Move(double push, Span<double> state)
    {
        double velocity = Math.Clamp(state[1] + push - 0.0025 * Math.Cos(3 * state[0]), -MaxVelocity, MaxVelocity);
        double position = Math.Clamp(state[0] + velocity, LeftWall, RightEnd);
        (state[0], state[1]) = (position, position == LeftWall && velocity < 0 ? 0 : velocity);
    }

    public static void Observe(ReadOnlySpan<double> state, Span<float> observation) =>
        (observation[0], observation[1]) = ((float)state[0], (float)state[1]);
}
