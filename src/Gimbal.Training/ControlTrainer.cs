using System.Diagnostics;
using Gimbal.Models;
using Gimbal.Tensors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gimbal.Training;

/// <summary>Proximal policy optimisation (Schulman et al. 2017) for control tasks, as CleanRL writes it down.</summary>
/// <remarks>
/// Departures from the paper and from CleanRL:
/// <list type="bullet">
/// <item>Where a time limit ends an episode, the value of its last observation stands for what would have followed, unless
/// <see cref="ControlOptions.BootstrapTruncated"/> is off; CleanRL treats it as the end of the task. Where the task itself ended it,
/// nothing follows.</item>
/// <item>The moments of observations are shared by all environments, and the policy keeps them; CleanRL has some for each.</item>
/// <item>The clip of the value is an option of its own, off unless set; CleanRL's is on, with the policy's range.</item>
/// <item>The last rollout is whole: the run may take a few steps more than asked for.</item>
/// <item>With annealing the learning rate falls at every optimizer step, not once a rollout.</item>
/// <item>The old log-probabilities are the sampler's own, which equal the trainer's bit for bit.</item>
/// </list>
/// </remarks>
public sealed class ControlTrainer : IDisposable
{
    private readonly ControlOptions options;
    private readonly VectorEnvironment environments;
    private readonly Device? ownDevice;
    private readonly ControlPolicy? ownPolicy;
    private readonly RewardNormalizer? rewardNormalizer;
    private readonly ControlRollout rollout;
    private readonly ControlUpdate update;
    private readonly DataOrder order;
    private readonly TrainingTotals totals = new();
    private readonly TrainingRun run;
    private readonly int[] minibatch;
    private readonly float[] inputs, actions, bounded, logprobs, values, rewards;
    private readonly ulong noiseSteps;
    private double episodeReturns, episodeLengths;
    private int episodes;

    /// <summary>Prepares a run on a task that <see cref="ControlOptions.Environment"/> names.</summary>
    /// <inheritdoc cref="ControlTrainer(Func{int, IEnvironment}, ControlOptions, Device, ILoggerFactory, ControlPolicy)"/>
    public ControlTrainer(ControlOptions options, Device? device = null, ILoggerFactory? loggerFactory = null, ControlPolicy? policy = null)
        : this(_ => ControlTasks.Create(options.Environment), options, device, loggerFactory, policy)
    {
    }

    /// <summary>Prepares a run; nothing is trained yet.</summary>
    /// <param name="create">Makes environment i.</param>
    /// <param name="options">Steps, passes, clipping, optimizer.</param>
    /// <param name="device">Where to compute; null: one thread of the cpu, which suits networks this small.</param>
    /// <param name="loggerFactory">Where events go.</param>
    /// <param name="policy">Trained in place, and stays the caller's; null: a new one.</param>
    /// <exception cref="InvalidConfigException">An option lies outside its range.</exception>
    /// <exception cref="GimbalException">The environments differ in their spaces, or the policy was made for others.</exception>
    public ControlTrainer(Func<int, IEnvironment> create, ControlOptions options, Device? device = null,
        ILoggerFactory? loggerFactory = null, ControlPolicy? policy = null)
    {
        ArgumentNullException.ThrowIfNull(create);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        this.options = options;
        environments = new VectorEnvironment(create, options.Environments, options.Seed, options.EnvironmentThreads);
        if (environments.ActionSpace.IsDiscrete && (options.StateDependentNoise || options.SquashActions))
        {
            throw new InvalidConfigException(options.StateDependentNoise ? "control.state_dependent_noise" : "control.squash_actions",
                "it is for continuous actions, and those of the environment are choices; set it to false.");
        }

        device ??= policy?.Device ?? (ownDevice = Device.Open("cpu", new DeviceOptions { Threads = 1 }));
        Policy = policy ?? (ownPolicy = NewPolicy(device));
        ControlEvaluation.CheckSpaces(Policy.Config, environments.ObservationSpace, environments.ActionSpace);
        CheckPolicy();
        rewardNormalizer = options.NormalizeRewards ? new RewardNormalizer(options.Environments, options.Gamma) : null;
        rollout = new ControlRollout(options.Environments, options.StepsPerRollout, Policy.Config.ObservationSize, Policy.Config.ActionSize)
        {
            BootstrapsTruncated = options.BootstrapTruncated,
        };
        minibatch = new int[rollout.Count / options.Minibatches];
        order = new DataOrder(rollout.Count, options.Seed);
        int steps = (int)Math.Min((options.TotalSteps + rollout.Count - 1) / rollout.Count, options.MaxSteps == 0 ? int.MaxValue : options.MaxSteps);
        update = new ControlUpdate(Policy, rollout, options, minibatch.Length, (long)steps * options.Epochs * options.Minibatches);
        noiseSteps = !options.StateDependentNoise ? 1 : (ulong)(options.NoiseSteps == 0 ? options.StepsPerRollout : options.NoiseSteps);
        int count = options.Environments;
        inputs = new float[count * rollout.ObservationSize];
        (actions, bounded) = (new float[count * rollout.ActionSize], new float[count * rollout.ActionSize]);
        (logprobs, values, rewards) = (new float[count], new float[count], new float[count]);
        run = new TrainingRun
        {
            Command = "control",
            Options = options,
            Device = device,
            Steps = steps,
            Models = [("policy", Policy.Store, update.Optimizer)],
            Totals = totals,
            Step = Step,
            SaveModel = Policy.Save,
            WriteState = WriteState,
            ReadState = ReadState,
            PeakBytes = () => update.PeakBytes + Policy.Store.Bytes,
            Logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<ControlTrainer>(),
        };
    }

    /// <summary>Actor and critic, as trained so far.</summary>
    public ControlPolicy Policy { get; }

    /// <summary>Runs all steps: each is a rollout and the passes over it.</summary>
    /// <param name="progress">Told of every rollout.</param>
    /// <param name="cancellationToken">Finishes the rollout and its passes, commits a checkpoint, then throws.</param>
    /// <returns>What was done; its tokens per second are environment steps per second.</returns>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="TrainingDivergedException">The loss or a gradient is not finite.</exception>
    public Task<TrainingResult> TrainAsync(IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default) =>
        run.StartAsync(progress, cancellationToken);

    /// <summary>Gives the memory of the run back, with that of the policy unless it is the caller's.</summary>
    public void Dispose()
    {
        update.Dispose();
        environments.Dispose();
        ownPolicy?.Dispose();
        ownDevice?.Dispose();
    }

    private void Step(int step, MetricRow metrics)
    {
        long began = Stopwatch.GetTimestamp();
        Collect(step);
        rollout.Estimate(update.Arena, options.Gamma, options.Lambda);
        LossMeans means = Learn(step);
        totals.GeneratedTokens += rollout.Count;
        Describe(means, Stopwatch.GetElapsedTime(began).TotalSeconds, metrics);
    }

    /// <summary>Passes over the rollout, unless the policy moves too far; the losses are those of the last pass.</summary>
    private LossMeans Learn(int step)
    {
        LossMeans means = default;
        for (int epoch = 0; epoch < options.Epochs; epoch++)
        {
            LossMeans pass = default;
            MinibatchLoss last = default;
            for (int part = 0; part < options.Minibatches; part++)
            {
                order.Fill(((long)step * options.Epochs + epoch) * options.Minibatches + part, minibatch);
                if (update.Step(minibatch, (epoch, part) == (0, 0) ? totals : null) is not { } loss)
                {
                    return part > 0 ? pass : means;
                }

                pass.Add(last = loss);
            }

            means = pass;
            if (options.TargetKl > 0 && !options.StopWithinPass && last.ApproxKl > options.TargetKl)
            {
                break;
            }
        }

        return means;
    }

    /// <summary>Acts in every environment for the steps of a rollout.</summary>
    private void Collect(int step)
    {
        if (step == 0)
        {
            environments.Reset();
            Observe();
        }

        (episodes, episodeReturns, episodeLengths) = (0, 0, 0);
        rollout.Clear();
        for (int t = 0; t < rollout.Steps; t++)
        {
            Policy.Sample(inputs, options.Seed, ((ulong)step * (ulong)rollout.Steps + (ulong)t) / noiseSteps, actions, logprobs, values);
            actions.CopyTo(bounded, 0);
            Policy.Config.Bound(environments.ActionSpace, bounded);
            environments.Step(bounded);
            NormalizeRewards();
            rollout.Store(t, inputs, actions, logprobs, values, rewards, environments.Terminated, environments.Truncated);
            KeepEpisodes(t);
            Observe();
        }

        rollout.Bootstrap(Policy, inputs);
    }

    /// <summary>Takes the new observations into the moments and puts them on the networks' scale.</summary>
    private void Observe()
    {
        if (Policy.Normalizer is { } normalizer)
        {
            normalizer.UpdateAndNormalize(environments.Observations, inputs);
        }
        else
        {
            environments.Observations.CopyTo(inputs);
        }
    }

    private void NormalizeRewards()
    {
        if (rewardNormalizer is not null)
        {
            rewardNormalizer.UpdateAndNormalize(environments.Rewards, environments.Terminated, environments.Truncated, rewards);
        }
        else
        {
            environments.Rewards.CopyTo(rewards);
        }
    }

    /// <summary>Keeps the returns of the episodes that ended and, of truncated ones, the last observation.</summary>
    private void KeepEpisodes(int t)
    {
        int size = rollout.ObservationSize;
        for (int i = 0; i < environments.Count; i++)
        {
            bool isTruncated = environments.Truncated[i] != 0;
            if (isTruncated && options.BootstrapTruncated)
            {
                rollout.StoreFinal(i, t, environments.FinalObservations.Slice(i * size, size), Policy.Normalizer);
            }

            if (isTruncated || environments.Terminated[i] != 0)
            {
                episodes++;
                episodeReturns += environments.EpisodeReturns[i];
                episodeLengths += environments.EpisodeLengths[i];
            }
        }
    }

    private void Describe(in LossMeans means, double seconds, MetricRow metrics)
    {
        totals.Samples += episodes;
        metrics[MetricNames.Loss] = means.Loss;
        metrics[MetricNames.GlobalStep] = totals.GeneratedTokens;
        metrics[MetricNames.StepsPerSecond] = rollout.Count / Math.Max(seconds, 1e-9);
        if (episodes > 0)
        {
            metrics[MetricNames.EpisodicReturn] = episodeReturns / episodes;
            metrics[MetricNames.EpisodicLength] = episodeLengths / episodes;
        }

        means.Describe(metrics);
        double explained = rollout.ExplainedVariance();
        if (double.IsFinite(explained))
        {
            metrics[MetricNames.ControlExplainedVariance] = explained;
        }

        metrics[MetricNames.LearningRate] = update.Optimizer.LearningRate;
        metrics[MetricNames.MismatchBits] = totals.MismatchBits;
        metrics[MetricNames.ComparedTokens] = totals.ComparedTokens;
    }

    /// <summary>A policy of the caller's must be what the options ask for.</summary>
    private void CheckPolicy()
    {
        if ((options.StateDependentNoise, options.SquashActions) != (Policy.Config.StateDependentNoise, Policy.Config.SquashesActions))
        {
            bool isNoise = options.StateDependentNoise != Policy.Config.StateDependentNoise;
            throw new InvalidConfigException(isNoise ? "control.state_dependent_noise" : "control.squash_actions",
                "the policy was made for the contrary; change it, or start from a new policy.");
        }

        if (options.NormalizeObservations && Policy.Normalizer is null)
        {
            throw new InvalidConfigException("control.normalize_observations",
                "the policy takes observations as they are; set it to false, or start from a new policy.");
        }
    }

    private ControlPolicy NewPolicy(Device device) => new(device, new ControlPolicyConfig
    {
        ObservationSize = environments.ObservationSpace.Size,
        ActionSize = environments.ActionSpace.Size,
        Choices = environments.ActionSpace.Choices,
        HiddenSizes = options.HiddenSizes,
        NormalizesObservations = options.NormalizeObservations,
        StateDependentNoise = options.StateDependentNoise,
        SquashesActions = options.SquashActions,
        InitialLogStd = options.InitialLogStd,
    }, options.Seed);

    /// <summary>What a checkpoint holds beside the weights: environments in the middle of their episodes, moments.</summary>
    private void WriteState(BinaryWriter writer)
    {
        environments.Save(writer);
        Policy.Normalizer?.Save(writer);
        rewardNormalizer?.Save(writer);
    }

    private void ReadState(BinaryReader reader)
    {
        environments.Load(reader);
        Policy.Normalizer?.Load(reader);
        rewardNormalizer?.Load(reader);
        if (Policy.Normalizer is { } normalizer)
        {
            normalizer.Normalize(environments.Observations, inputs);
        }
        else
        {
            environments.Observations.CopyTo(inputs);
        }
    }
}
