using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>Linear layers with tanh between them. Layer i is named <c>NAME.2i</c>, the tanh layers counted, as in PyTorch's Sequential.</summary>
internal sealed class Perceptron
{
    private const uint InitialWeights = 0x0C7A;

    private readonly Parameter[] weights;
    private readonly Parameter[] biases;
    private readonly string name;

    public Perceptron(ParameterStore store, string name, int inputs, IReadOnlyList<int> hidden, int outputs)
    {
        this.name = name;
        int[] widths = [inputs, .. hidden, outputs];
        weights = new Parameter[widths.Length - 1];
        biases = new Parameter[weights.Length];
        for (int layer = 0; layer < weights.Length; layer++)
        {
            weights[layer] = store.Add($"{name}.{2 * layer}.weight", [widths[layer + 1], widths[layer]], decays: true);
            biases[layer] = store.Add($"{name}.{2 * layer}.bias", [widths[layer + 1]], decays: false);
        }
    }

    /// <summary>Sum of the widths of all layers, inputs excluded.</summary>
    public long Width => weights.Sum(weight => weight.Shape.Rows);

    /// <summary>What the last layer sees.</summary>
    public int Features => (int)weights[^1].Shape.Width;

    /// <summary>(rows, outputs) of inputs (rows, inputs), and what the last layer saw (rows, features).</summary>
    public ActorOutput Forward(Tape tape, Tensor x)
    {
        for (int layer = 0; layer + 1 < weights.Length; layer++)
        {
            x = Ops.Tanh(tape, Ops.Linear(tape, x, weights[layer], biases[layer]));
        }

        return new ActorOutput(Ops.Linear(tape, x, weights[^1], biases[^1]), x);
    }

    /// <summary>Orthogonal weights, gain sqrt 2 in the hidden layers; biases 0.</summary>
    public void Initialize(double lastGain, ulong seed)
    {
        uint purpose = InitialWeights;
        foreach (char letter in name)
        {
            purpose = purpose * 31 + letter;
        }

        for (int layer = 0; layer < weights.Length; layer++)
        {
            double gain = layer + 1 == weights.Length ? lastGain : Math.Sqrt(2);
            (int rows, int columns) = ((int)weights[layer].Shape.Rows, (int)weights[layer].Shape.Width);
            weights[layer].Value.CopyFrom<float>(OrthogonalInitializer.Create(rows, columns, gain, seed, purpose + ((uint)layer << 24)));
            biases[layer].Value.Clear();
        }
    }
}
