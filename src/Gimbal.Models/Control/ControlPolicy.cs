using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>
/// Actor and critic for a control task: two separate multi-layer perceptrons with tanh, the actor's under a Gaussian or a
/// categorical head. The same forward code serves sampling and training, so that both compute the same log-probability, bit for bit.
/// </summary>
/// <remarks>Used by one thread at a time. Names of the weights are CleanRL's.</remarks>
public sealed partial class ControlPolicy : IDisposable
{
    // Rows forwarded at a time outside training: a bound on memory, without effect on the numbers.
    private const int ChunkRows = 256;

    private readonly Perceptron actor;
    private readonly Perceptron critic;
    private readonly Arena arena;
    private readonly Tape tape;
    private float[] normalized = [];

    /// <summary>A policy that was never trained: orthogonal weights of gain sqrt 2, the actor's last layer 0.01, the critic's 1;
    /// biases 0.</summary>
    /// <param name="device">Where it lives.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="seed">Decides the weights.</param>
    /// <param name="trainable">False: no gradients and no optimizer state.</param>
    /// <exception cref="ArgumentException">A size is out of range.</exception>
    public ControlPolicy(Device device, ControlPolicyConfig config, ulong seed = 0, bool trainable = true)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        (Device, Config) = (device, config);
        Store = new ParameterStore(device, trainable);
        critic = new Perceptron(Store, "critic", config.ObservationSize, config.HiddenSizes, 1);
        actor = new Perceptron(Store, config.IsDiscrete ? "actor" : "actor_mean", config.ObservationSize, config.HiddenSizes,
            config.IsDiscrete ? config.Choices : config.ActionSize);
        Head = NewHead();
        Store.Allocate();
        critic.Initialize(1, seed);
        actor.Initialize(0.01, seed);
        Head.Initialize(config.InitialLogStd);
        Store.Touch();
        Normalizer = config.NormalizesObservations ? new ObservationNormalizer(config.ObservationSize) : null;
        arena = new Arena(device, ActivationBytes(ChunkRows));
        tape = new Tape(arena);
    }

    /// <summary>Where it lives.</summary>
    public Device Device { get; }

    /// <summary>Its shape.</summary>
    public ControlPolicyConfig Config { get; }

    /// <summary>Weights of actor and critic.</summary>
    public ParameterStore Store { get; }

    /// <summary>Running moments of the observations; null where the networks see them as they are.</summary>
    public ObservationNormalizer? Normalizer { get; }

    /// <summary>The distribution of actions.</summary>
    internal ActionHead Head { get; }

    /// <summary>The most likely actions: the Gaussian's mean, neither clipped nor squashed, or the index of the largest logit.</summary>
    /// <param name="observations">(rows, observation size), as the environment gave them; normalised here if the policy does so.</param>
    /// <param name="actions">(rows, action size).</param>
    public void Act(ReadOnlySpan<float> observations, Span<float> actions)
    {
        ReadOnlySpan<float> inputs = Normalize(observations);
        int rows = RowsOf(observations), size = Config.ActionSize;
        for (int start = 0; start < rows; start += ChunkRows)
        {
            int count = Math.Min(ChunkRows, rows - start);
            using ArenaScope scope = arena.Enter();
            Head.MostLikely(arena, Actor(tape, Upload(arena, Rows(inputs, start, count))), actions.Slice(start * size, count * size));
        }
    }

    /// <summary>Draws actions, and records what PPO needs of them.</summary>
    /// <remarks>A draw depends on seed, step and row alone. A continuous action is as the Gaussian gave it, within no bounds.</remarks>
    /// <param name="inputs">(rows, observation size), normalised already; row i belongs to environment i.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="step">Step of the environments, counted over the run; state-dependent noise stays the same while it does.</param>
    /// <param name="actions">(rows, action size).</param>
    /// <param name="logprobs">Their log-probabilities (rows).</param>
    /// <param name="values">The critic's estimates (rows).</param>
    public void Sample(ReadOnlySpan<float> inputs, ulong seed, ulong step, Span<float> actions, Span<float> logprobs, Span<float> values)
    {
        int rows = RowsOf(inputs), size = Config.ActionSize;
        for (int start = 0; start < rows; start += ChunkRows)
        {
            int count = Math.Min(ChunkRows, rows - start);
            using ArenaScope scope = arena.Enter();
            Tensor x = Upload(arena, Rows(inputs, start, count));
            Critic(tape, x).CopyTo(values.Slice(start, count));
            Head.Sample(arena, Actor(tape, x), new ActionDraw(seed, step, start), actions.Slice(start * size, count * size),
                logprobs.Slice(start, count));
        }
    }

    /// <summary>The critic's estimates of the return from here.</summary>
    /// <param name="inputs">(rows, observation size), normalised already.</param>
    /// <param name="values">(rows).</param>
    public void Values(ReadOnlySpan<float> inputs, Span<float> values)
    {
        int rows = RowsOf(inputs);
        for (int start = 0; start < rows; start += ChunkRows)
        {
            int count = Math.Min(ChunkRows, rows - start);
            using ArenaScope scope = arena.Enter();
            Critic(tape, Upload(arena, Rows(inputs, start, count))).CopyTo(values.Slice(start, count));
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        arena.Dispose();
        Store.Dispose();
    }

    /// <summary>Means (rows, action size) or logits (rows, choices), with the features that led to them.</summary>
    internal ActorOutput Actor(Tape recorder, in Tensor inputs) => actor.Forward(recorder, inputs);

    /// <summary>Values (rows, 1).</summary>
    internal Tensor Critic(Tape recorder, in Tensor inputs) => critic.Forward(recorder, inputs).Last;

    /// <summary>Bytes of an arena that holds forward and backward of so many rows.</summary>
    internal long ActivationBytes(int rows)
    {
        // Before and after tanh, each with a gradient; of the heads and losses, a few columns.
        const long PerLayer = 4, Columns = 32, Alignment = 256 * 64;
        long outputs = Config.IsDiscrete ? Config.Choices : Config.ActionSize;
        return rows * (PerLayer * (actor.Width + critic.Width) + Config.ObservationSize + 4 * outputs + Columns) * sizeof(float) + Alignment;
    }

    /// <summary>Copies observations (rows, observation size) to the device.</summary>
    internal Tensor Upload(Arena target, ReadOnlySpan<float> inputs)
    {
        Tensor tensor = target.Allocate(DType.Float32, [inputs.Length / Config.ObservationSize, Config.ObservationSize], "observations");
        tensor.CopyFrom(inputs);
        return tensor;
    }

    private ActionHead NewHead()
    {
        const string LogStd = "actor_logstd";
        if (Config.IsDiscrete)
        {
            return new CategoricalHead(Config.Choices);
        }

        ActionHead gaussian = Config.StateDependentNoise
            ? new SdeHead(Store, Config.ActionSize, actor.Features, LogStd)
            : new GaussianHead(Store, Config.ActionSize, LogStd);
        return Config.SquashesActions ? new SquashedHead(gaussian) : gaussian;
    }

    private ReadOnlySpan<float> Rows(ReadOnlySpan<float> inputs, int start, int count) =>
        inputs.Slice(start * Config.ObservationSize, count * Config.ObservationSize);

    private int RowsOf(ReadOnlySpan<float> observations) => observations.Length % Config.ObservationSize == 0
        ? observations.Length / Config.ObservationSize
        : throw new ArgumentException($"{observations.Length} numbers are no rows of {Config.ObservationSize}", nameof(observations));

    private ReadOnlySpan<float> Normalize(ReadOnlySpan<float> observations)
    {
        if (Normalizer is null)
        {
            return observations;
        }

        normalized = normalized.Length < observations.Length ? new float[observations.Length] : normalized;
        Span<float> result = normalized.AsSpan(0, observations.Length);
        Normalizer.Normalize(observations, result);
        return result;
    }
}
