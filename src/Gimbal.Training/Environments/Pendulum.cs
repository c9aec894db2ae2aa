namespace Gimbal.Training;

/// <summary>
/// Pendulum-v1: swing a pendulum up by a torque u and hold it there. State angle (0 upright) and angular velocity;
/// observation (cos, sin, velocity).
/// reward = -(a^2 + 0.1 velocity^2 + 0.001 u^2) with a the angle wrapped to [-pi, pi), from the state before the move;
/// velocity += 0.75 sin(angle) + 0.15 u, clipped to 8; angle += 0.05 velocity. The torque is clipped to 2 first.
/// Never terminates; truncated after 200 steps. Constants of Gymnasium.
/// </summary>
public sealed class Pendulum() : ControlTask("Pendulum-v1", 2, 200, Space.Box(3), Space.Box(-MaxTorque, MaxTorque, 1))
{
    private const float MaxTorque = 2;
    private const double MaxVelocity = 8;
    private const double TimeStep = 0.05;
    private const double Gravity = 10;
    private const double Mass = 1;
    private const double Length = 1;

    private protected override void Start(ref SplitMix64 random, Span<double> state)
    {
        state[0] = random.NextDouble(-Math.PI, Math.PI);
        state[1] = random.NextDouble(-1, 1);
    }

    private protected override (double Reward, bool Terminated) Move(double action, Span<double> state)
    {
        double torque = Math.Clamp(action, -MaxTorque, MaxTorque);
        (double angle, double velocity) = (state[0], state[1]);
        double wrapped = Wrap(angle);
        double cost = wrapped * wrapped + 0.1 * velocity * velocity + 0.001 * torque * torque;
        velocity += (3 * Gravity / (2 * Length) * Math.Sin(angle) + 3 / (Mass * Length * Length) * torque) * TimeStep;
        velocity = Math.Clamp(velocity, -MaxVelocity, MaxVelocity);
        (state[0], state[1]) = (angle + velocity * TimeStep, velocity);
        return (-cost, false);
    }

    private protected override void Observe(ReadOnlySpan<double> state, Span<float> observation)
    {
        observation[0] = (float)Math.Cos(state[0]);
        observation[1] = (float)Math.Sin(state[0]);
        observation[2] = (float)state[1];
    }

    /// <summary>(angle + pi) modulo 2 pi, floored, less pi.</summary>
    private static double Wrap(double angle)
    {
        double remainder = (angle + Math.PI) % (2 * Math.PI);
        return (remainder < 0 ? remainder + 2 * Math.PI : remainder) - Math.PI;
    }
}
