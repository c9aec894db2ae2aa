namespace Gimbal.Training;

/// <summary>A record of options that can check itself.</summary>
public interface IOptions
{
    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    void Validate();
}
