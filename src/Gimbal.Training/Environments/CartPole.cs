namespace Gimbal.Training;

/// <summary>
/// CartPole-v1 (Barto, Sutton and Anderson 1983): keep a pole upright on a cart by pushing it left (0) or right (1) with 10 newtons.
/// State and observation: position, velocity, angle, angular velocity.
/// temp = (F + 0.05 w^2 sin a) / 1.1; w' = (9.8 sin a - cos a temp) / (0.5 (4/3 - 0.1 cos^2 a / 1.1)); v' = temp - 0.05 w' cos a / 1.1;
/// explicit Euler with 0.02 s, all from the old values. Terminated beyond 2.4 or 12 degrees; reward 1 a step; truncated after 500.
/// </summary>
/// <param name="continuousForce">
/// Take a force of 10 clip(action, -1, 1) newtons instead of a choice: a variant of this project, named CartPoleContinuous-v1.
/// </param>
public sealed class CartPole(bool continuousForce = false) : ControlTask(
    continuousForce ? "CartPoleContinuous-v1" : "CartPole-v1", 4, 500, Space.Box(4),
    continuousForce ? Space.Box(-1, 1, 1) : Space.Discrete(2))
{
    private const double Gravity = 9.8;
    private const double PoleMass = 0.1;
    private const double TotalMass = 1.1;
    private const double HalfLength = 0.5;
    private const double PoleMassLength = PoleMass * HalfLength;
    private const double MaxForce = 10;
    private const double TimeStep = 0.02;
    private const double MaxPosition = 2.4;
    private const double MaxAngle = 12 * 2 * Math.PI / 360;

    private protected override void Start(ref SplitMix64 random, Span<double> state)
    {
        for (int i = 0; i < state.Length; i++)
        {
            state[i] = random.NextDouble(-0.05, 0.05);
        }
    }

    private protected override (double Reward, bool Terminated) Move(double action, Span<double> state)
    {
        double force = continuousForce ? MaxForce * Math.Clamp(action, -1, 1) : action == 1 ? MaxForce : -MaxForce;
        (double velocity, double angle, double spin) = (state[1], state[2], state[3]);
        (double sin, double cos) = Math.SinCos(angle);
        double temp = (force + PoleMassLength * spin * spin * sin) / TotalMass;
        double spinRate = (Gravity * sin - cos * temp) / (HalfLength * (4.0 / 3.0 - PoleMass * cos * cos / TotalMass));
        double acceleration = temp - PoleMassLength * spinRate * cos / TotalMass;
        state[0] += TimeStep * velocity;
        state[1] += TimeStep * acceleration;
        state[2] += TimeStep * spin;
        state[3] += TimeStep * spinRate;
        return (1, Math.Abs(state[0]) > MaxPosition || Math.Abs(state[2]) > MaxAngle);
    }

    private protected override void Observe(ReadOnlySpan<double> state, Span<float> observation)
    {
        for (int i = 0; i < state.Length; i++)
        {
            observation[i] = (float)state[i];
        }
    }
}
