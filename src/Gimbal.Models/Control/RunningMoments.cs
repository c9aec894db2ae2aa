namespace Gimbal.Models;

/// <summary>
/// Running mean and population variance of a stream of vectors, element by element, merged batch by batch in double
/// (Chan, Golub and LeVeque 1979):
/// mean += d n / (count + n); variance = (variance count + batch variance n + d^2 count n / (count + n)) / (count + n),
/// d = batch mean - mean.
/// </summary>
/// <remarks>It starts as mean 0 and variance 1 with a small count, so that it can be used before the first batch.</remarks>
public sealed class RunningMoments
{
    private readonly double[] mean;
    private readonly double[] variance;

    /// <summary>Moments of vectors of <paramref name="size"/> elements.</summary>
    /// <param name="size">Elements of a vector.</param>
    /// <param name="initialCount">Weight of the start (mean 0, variance 1), in vectors.</param>
    public RunningMoments(int size, double initialCount = 1e-4)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        ArgumentOutOfRangeException.ThrowIfNegative(initialCount);
        mean = new double[size];
        variance = new double[size];
        Array.Fill(variance, 1);
        Count = initialCount;
    }

    /// <summary>Vectors seen, and the weight of the start.</summary>
    public double Count { get; private set; }

    /// <summary>Running means.</summary>
    public ReadOnlySpan<double> Mean => mean;

    /// <summary>Running population variances.</summary>
    public ReadOnlySpan<double> Variance => variance;

    /// <summary>Takes in a batch, (rows, size) row-major; an empty batch changes nothing.</summary>
    public void Update(ReadOnlySpan<float> batch)
    {
        int size = mean.Length;
        if (batch.Length % size != 0)
        {
            throw new ArgumentException($"a batch of {batch.Length} numbers does not fall into vectors of {size}", nameof(batch));
        }

        int rows = batch.Length / size;
        if (rows == 0)
        {
            return;
        }

        double total = Count + rows;
        for (int column = 0; column < size; column++)
        {
            (double batchMean, double squares) = MomentsOfColumn(batch, column, size, rows);
            double difference = batchMean - mean[column];
            mean[column] += difference * rows / total;
            variance[column] = (variance[column] * Count + squares + difference * difference * Count * rows / total) / total;
        }

        Count = total;
    }

    /// <summary>Writes the moments to a checkpoint.</summary>
    public void Save(BinaryWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(mean.Length);
        writer.Write(Count);
        for (int i = 0; i < mean.Length; i++)
        {
            writer.Write(mean[i]);
            writer.Write(variance[i]);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="GimbalException">The saved moments are of another size.</exception>
    public void Load(BinaryReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        int size = reader.ReadInt32();
        if (size != mean.Length)
        {
            throw new GimbalException($"saved moments of {size} elements, expected {mean.Length}: the checkpoint is of another environment");
        }

        Count = reader.ReadDouble();
        for (int i = 0; i < mean.Length; i++)
        {
            mean[i] = reader.ReadDouble();
            variance[i] = reader.ReadDouble();
        }
    }

    /// <summary>Takes moments that were kept elsewhere.</summary>
    /// <exception cref="ArgumentException">They are of another size.</exception>
    public void Restore(double count, ReadOnlySpan<double> means, ReadOnlySpan<double> variances)
    {
        if (means.Length != mean.Length || variances.Length != mean.Length)
        {
            throw new ArgumentException($"moments of {means.Length} and {variances.Length} elements, expected {mean.Length}");
        }

        Count = count;
        means.CopyTo(mean);
        variances.CopyTo(variance);
    }

    /// <summary>Mean, and sum of squared differences from it, of one column.</summary>
    private static (double Mean, double Squares) MomentsOfColumn(ReadOnlySpan<float> batch, int column, int size, int rows)
    {
        double sum = 0;
        for (int i = column; i < batch.Length; i += size)
        {
            sum += batch[i];
        }

        double batchMean = sum / rows, squares = 0;
        for (int i = column; i < batch.Length; i += size)
        {
            double difference = batch[i] - batchMean;
            squares += difference * difference;
        }

        return (batchMean, squares);
    }
}
