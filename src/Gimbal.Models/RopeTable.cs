namespace Gimbal.Models;

/// <summary>Cosines and sines of rotary positions (Su et al. 2021), made once, by absolute position, in double.</summary>
internal static class RopeTable
{
    /// <summary>(positions, head_dim): head_dim / 2 cosines, then as many sines, of position * frequency_i.</summary>
    public static float[] Make(ModelConfig config)
    {
        int half = config.HeadDim / 2;
        double[] frequencies = Frequencies(config);
        float[] table = new float[(long)config.MaxPositions * config.HeadDim];
        for (int position = 0; position < config.MaxPositions; position++)
        {
            Span<float> row = table.AsSpan(position * config.HeadDim, config.HeadDim);
            for (int i = 0; i < half; i++)
            {
                (double sine, double cosine) = Math.SinCos(position * frequencies[i]);
                (row[i], row[half + i]) = ((float)cosine, (float)sine);
            }
        }

        return table;
    }

    private static double[] Frequencies(ModelConfig config)
    {
        double[] frequencies = new double[config.HeadDim / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            double frequency = Math.Pow(config.RopeTheta, -2.0 * i / config.HeadDim);
            frequencies[i] = config.RopeScaling is { } scaling ? Scale(frequency, scaling) : frequency;
        }

        return frequencies;
    }

    private static double Scale(double frequency, RopeScaling scaling)
    {
        if (scaling.Kind == RopeScalingKind.Linear)
        {
            return frequency / scaling.Factor;
        }

        double wavelength = 2 * Math.PI / frequency;
        double turns = scaling.OriginalMaxPositions / wavelength;
        if (turns >= scaling.HighFrequencyFactor)
        {
            return frequency;
        }

        if (turns <= scaling.LowFrequencyFactor)
        {
            return frequency / scaling.Factor;
        }

        double kept = (turns - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return (1 - kept) * frequency / scaling.Factor + kept * frequency;
    }
}
