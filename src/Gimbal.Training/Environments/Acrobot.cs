namespace Gimbal.Training;

/// <summary>
/// Acrobot-v1 (Sutton 1996, dynamics of Sutton and Barto 2018): swing the free end of two hanging links above the pivot's height plus
/// one link by a torque of -1 (0), 0 (1) or 1 (2) at the joint between them.
/// State: the angles of the first link from hanging and of the second from the first, and their velocities;
/// observation (cos, sin of each angle, velocities). Links of length and mass 1, moment of inertia 1, gravity 9.8; one
/// Runge-Kutta step of order 4 over 0.2 s, angles wrapped to [-pi, pi], velocities clipped to 4 pi and 9 pi.
/// Terminated when -cos(a1) - cos(a1 + a2) exceeds 1; reward -1 a step, 0 on the terminating one; truncated after 500.
/// </summary>
public sealed class Acrobot() : ControlTask("Acrobot-v1", StateSize, 500, Space.Box(6), Space.Discrete(3))
{
    private const int StateSize = 4;
    private const double TimeStep = 0.2;
    private const double Gravity = 9.8;
    private const double HalfLink = 0.5;
    private const double Inertia = 1;
    private const double MaxVelocity1 = 4 * Math.PI;
    private const double MaxVelocity2 = 9 * Math.PI;

    private protected override void Start(ref SplitMix64 random, Span<double> state)
    {
        for (int i = 0; i < state.Length; i++)
        {
            state[i] = random.NextDouble(-0.1, 0.1);
        }
    }

    private protected override (double Reward, bool Terminated) Move(double action, Span<double> state)
    {
        RungeKutta(action - 1, state);
        state[0] = Math.IEEERemainder(state[0], 2 * Math.PI);
        state[1] = Math.IEEERemainder(state[1], 2 * Math.PI);
        state[2] = Math.Clamp(state[2], -MaxVelocity1, MaxVelocity1);
        state[3] = Math.Clamp(state[3], -MaxVelocity2, MaxVelocity2);
        bool terminated = -Math.Cos(state[0]) - Math.Cos(state[0] + state[1]) > 1;
        return (terminated ? 0 : -1, terminated);
    }

    private protected override void Observe(ReadOnlySpan<double> state, Span<float> observation)
    {
        for (int joint = 0; joint < 2; joint++)
        {
            observation[2 * joint] = (float)Math.Cos(state[joint]);
            observation[2 * joint + 1] = (float)Math.Sin(state[joint]);
            observation[4 + joint] = (float)state[2 + joint];
        }
    }

    /// <summary>state += h / 6 (k1 + 2 k2 + 2 k3 + k4).</summary>
    private static void RungeKutta(double torque, Span<double> state)
    {
        Span<double> k1 = stackalloc double[StateSize], k2 = stackalloc double[StateSize];
        Span<double> k3 = stackalloc double[StateSize], k4 = stackalloc double[StateSize];
        Span<double> point = stackalloc double[StateSize];
        Slope(torque, state, k1);
        Offset(state, k1, TimeStep / 2, point);
        Slope(torque, point, k2);
        Offset(state, k2, TimeStep / 2, point);
        Slope(torque, point, k3);
        Offset(state, k3, TimeStep, point);
        Slope(torque, point, k4);
        for (int i = 0; i < StateSize; i++)
        {
            state[i] += TimeStep / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
        }
    }

    private static void Offset(ReadOnlySpan<double> state, ReadOnlySpan<double> slope, double time, Span<double> point)
    {
        for (int i = 0; i < StateSize; i++)
        {
            point[i] = state[i] + time * slope[i];
        }
    }

    /// <summary>Time derivative of the state.</summary>
    private static void Slope(double torque, ReadOnlySpan<double> state, Span<double> slope)
    {
        (double angle1, double angle2, double velocity1, double velocity2) = (state[0], state[1], state[2], state[3]);
        (double sin2, double cos2) = Math.SinCos(angle2);
        double d1 = HalfLink * HalfLink + (1 + HalfLink * HalfLink + 2 * HalfLink * cos2) + 2 * Inertia;
        double d2 = HalfLink * HalfLink + HalfLink * cos2 + Inertia;
        double gravity2 = HalfLink * Gravity * Math.Sin(angle1 + angle2);
        double gravity1 = -HalfLink * velocity2 * velocity2 * sin2 - 2 * HalfLink * velocity2 * velocity1 * sin2
            + (HalfLink + 1) * Gravity * Math.Sin(angle1) + gravity2;
        double rate2 = (torque + d2 / d1 * gravity1 - HalfLink * velocity1 * velocity1 * sin2 - gravity2)
            / (HalfLink * HalfLink + Inertia - d2 * d2 / d1);
        slope[0] = velocity1;
        slope[1] = velocity2;
        slope[2] = -(d2 * rate2 + gravity1) / d1;
        slope[3] = rate2;
    }
}
