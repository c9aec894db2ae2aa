using System.Runtime.CompilerServices;

namespace Gimbal.Tensors;

/// <summary>Extents of a tensor, outermost first; one to four of them.</summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>Largest number of dimensions.</summary>
    public const int MaximumRank = 4;

    private readonly long d0, d1, d2, d3;

    /// <summary>One dimension.</summary>
    public Shape(long d0) : this(1, d0, 1, 1, 1) { }

    /// <summary>Two dimensions.</summary>
    public Shape(long d0, long d1) : this(2, d0, d1, 1, 1) { }

    /// <summary>Three dimensions.</summary>
    public Shape(long d0, long d1, long d2) : this(3, d0, d1, d2, 1) { }

    private Shape(int rank, long d0, long d1, long d2, long d3)
    {
        if (d0 < 0 || d1 < 0 || d2 < 0 || d3 < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(d0), "an extent is negative");
        }

        (Rank, this.d0, this.d1, this.d2, this.d3) = (rank, d0, d1, d2, d3);
    }

    /// <summary>Number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>Number of elements.</summary>
    public long Count => checked(d0 * d1 * d2 * d3);

    /// <summary>First extent: the rows.</summary>
    public long Rows => d0;

    /// <summary>Product of all extents but the first: elements of a row.</summary>
    public long Width => d1 * d2 * d3;

    /// <summary>Extent of a dimension.</summary>
    public long this[int dimension] => dimension switch
    {
        0 when Rank > 0 => d0,
        1 when Rank > 1 => d1,
        2 when Rank > 2 => d2,
        3 when Rank > 3 => d3,
        _ => throw new ArgumentOutOfRangeException(nameof(dimension), dimension, $"the shape has {Rank} dimensions"),
    };

    /// <summary>From a collection expression such as <c>[rows, steps]</c>.</summary>
    public static Shape Create(ReadOnlySpan<long> extents) => extents.Length switch
    {
        1 => new Shape(extents[0]),
        2 => new Shape(extents[0], extents[1]),
        3 => new Shape(extents[0], extents[1], extents[2]),
        4 => new Shape(4, extents[0], extents[1], extents[2], extents[3]),
        _ => throw new ArgumentException($"a shape has 1 to {MaximumRank} dimensions, got {extents.Length}"),
    };

    /// <summary>The extents, outermost first.</summary>
    public IEnumerator<long> GetEnumerator()
    {
        for (int i = 0; i < Rank; i++)
        {
            yield return this[i];
        }
    }

    /// <summary>The same shape with another number of rows.</summary>
    public Shape WithRows(long rows) => new(Rank, rows, d1, d2, d3);

    /// <inheritdoc/>
    public bool Equals(Shape other) =>
        Rank == other.Rank && d0 == other.d0 && d1 == other.d1 && d2 == other.d2 && d3 == other.d3;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, d0, d1, d2, d3);

    /// <summary>Same extents.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Different extents.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <inheritdoc/>
    public override string ToString() => Rank switch
    {
        1 => $"({d0})",
        2 => $"({d0}, {d1})",
        3 => $"({d0}, {d1}, {d2})",
        _ => $"({d0}, {d1}, {d2}, {d3})",
    };
}
