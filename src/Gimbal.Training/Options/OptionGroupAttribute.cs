namespace Gimbal.Training;

/// <summary>
/// First part of an option's key in configuration files: on a record for the properties it declares, on a property for that
/// one. The second part is the property's name in snake_case; the empty group makes the name the whole key.
/// </summary>
/// <param name="name">The group, as in <c>train</c> of <c>train.max_steps</c>.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Property, Inherited = false)]
public sealed class OptionGroupAttribute(string name) : Attribute
{
    /// <summary>The group.</summary>
    public string Name { get; } = name;
}
