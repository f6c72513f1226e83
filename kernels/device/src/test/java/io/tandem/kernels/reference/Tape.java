package io.tandem.kernels.reference;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleUnaryOperator;

/**
 * Matrices in double precision whose gradients are found by going back over the operations. Rows are tokens. Each
 * operation is written for itself, the plainest way.
 */
final class Tape {
    /** What came of an operation, with the gradient of the loss as soon as {@link #backward} has run. */
    static final class Matrix {
        final int rows;
        final int columns;
        final double[] values;
        final double[] gradient;

        private Matrix(int rows, int columns) {
            this.rows = rows;
            this.columns = columns;
            values = new double[rows * columns];
            gradient = new double[rows * columns];
        }

        double at(int row, int column) {
            return values[row * columns + column];
        }
    }

    private final List<Runnable> steps = new ArrayList<>();

    /** Numbers that are given. */
    Matrix of(int rows, int columns, float[] numbers) {
        Matrix y = new Matrix(rows, columns);
        for (int i = 0; i < numbers.length; i++) {
            y.values[i] = numbers[i];
        }
        return y;
    }

    /** Goes back from the sum of all numbers of a matrix. */
    void backward(Matrix sum) {
        Arrays.fill(sum.gradient, 1);
        for (int i = steps.size() - 1; i >= 0; i--) {
            steps.get(i).run();
        }
    }

    /** Rows of a table. */
    Matrix rows(Matrix table, int[] indices) {
        Matrix y = new Matrix(indices.length, table.columns);
        for (int i = 0; i < indices.length; i++) {
            System.arraycopy(table.values, indices[i] * table.columns, y.values, i * table.columns, table.columns);
        }
        steps.add(() -> {
            for (int i = 0; i < y.values.length; i++) {
                table.gradient[indices[i / y.columns] * y.columns + i % y.columns] += y.gradient[i];
            }
        });
        return y;
    }

    /** {@code x w^T}. */
    Matrix linear(Matrix x, Matrix w) {
        Matrix y = new Matrix(x.rows, w.rows);
        for (int i = 0; i < y.rows; i++) {
            for (int o = 0; o < y.columns; o++) {
                double sum = 0;
                for (int j = 0; j < x.columns; j++) {
                    sum += x.values[i * x.columns + j] * w.values[o * w.columns + j];
                }
                y.values[i * y.columns + o] = sum;
            }
        }
        steps.add(() -> {
            for (int i = 0; i < y.rows; i++) {
                for (int o = 0; o < y.columns; o++) {
                    double d = y.gradient[i * y.columns + o];
                    for (int j = 0; j < x.columns; j++) {
                        x.gradient[i * x.columns + j] += d * w.values[o * w.columns + j];
                        w.gradient[o * w.columns + j] += d * x.values[i * x.columns + j];
                    }
                }
            }
        });
        return y;
    }

    /** {@code a + factor * b}; a single row of b is added to all. */
    Matrix add(Matrix a, Matrix b, double factor) {
        Matrix y = new Matrix(a.rows, a.columns);
        for (int i = 0; i < y.values.length; i++) {
            y.values[i] = a.values[i] + factor * b.values[i % b.values.length];
        }
        steps.add(() -> {
            for (int i = 0; i < y.values.length; i++) {
                a.gradient[i] += y.gradient[i];
                b.gradient[i % b.values.length] += factor * y.gradient[i];
            }
        });
        return y;
    }

    /** Element by element. */
    Matrix multiply(Matrix a, Matrix b) {
        Matrix y = new Matrix(a.rows, a.columns);
        for (int i = 0; i < y.values.length; i++) {
            y.values[i] = a.values[i] * b.values[i];
        }
        steps.add(() -> {
            for (int i = 0; i < y.values.length; i++) {
                a.gradient[i] += y.gradient[i] * b.values[i];
                b.gradient[i] += y.gradient[i] * a.values[i];
            }
        });
        return y;
    }

    /** Each row of a by the one number in the same row of b. */
    Matrix multiplyRows(Matrix a, Matrix b) {
        Matrix y = new Matrix(a.rows, a.columns);
        for (int i = 0; i < y.values.length; i++) {
            y.values[i] = a.values[i] * b.values[i / a.columns];
        }
        steps.add(() -> {
            for (int i = 0; i < y.values.length; i++) {
                a.gradient[i] += y.gradient[i] * b.values[i / a.columns];
                b.gradient[i / a.columns] += y.gradient[i] * a.values[i];
            }
        });
        return y;
    }

    /** The largest numbers of each row where they are, divided by their sum if wanted; zeros elsewhere. */
    Matrix largest(Matrix x, int count, boolean shared) {
        Matrix y = new Matrix(x.rows, x.columns);
        double[] sums = new double[x.rows];
        for (int i = 0; i < x.rows; i++) {
            double[] sorted = Arrays.copyOfRange(x.values, i * x.columns, (i + 1) * x.columns);
            Arrays.sort(sorted);
            double least = sorted[x.columns - count];
            sums[i] = shared
                    ? Arrays.stream(sorted).skip(x.columns - (long) count).sum()
                    : 1;
            for (int j = 0; j < x.columns; j++) {
                y.values[i * x.columns + j] = x.at(i, j) >= least ? x.at(i, j) / sums[i] : 0;
            }
        }
        steps.add(() -> {
            for (int i = 0; i < x.rows; i++) {
                double along = 0;
                for (int j = 0; j < x.columns && shared; j++) {
                    along += y.gradient[i * x.columns + j] * y.at(i, j);
                }
                for (int j = 0; j < x.columns; j++) {
                    if (y.at(i, j) != 0) {
                        x.gradient[i * x.columns + j] += (y.gradient[i * x.columns + j] - along) / sums[i];
                    }
                }
            }
        });
        return y;
    }

    /** A function of each element; its derivative is taken by a difference, good to ten digits. */
    Matrix map(Matrix x, DoubleUnaryOperator f) {
        Matrix y = new Matrix(x.rows, x.columns);
        for (int i = 0; i < y.values.length; i++) {
            y.values[i] = f.applyAsDouble(x.values[i]);
        }
        steps.add(() -> {
            double h = 1e-5;
            for (int i = 0; i < y.values.length; i++) {
                double slope = f.applyAsDouble(x.values[i] + h) - f.applyAsDouble(x.values[i] - h);
                x.gradient[i] += y.gradient[i] * slope / (2 * h);
            }
        });
        return y;
    }

    /** Columns from first to end. */
    Matrix columns(Matrix x, int first, int end) {
        Matrix y = new Matrix(x.rows, end - first);
        for (int i = 0; i < y.values.length; i++) {
            y.values[i] = x.values[i / y.columns * x.columns + first + i % y.columns];
        }
        steps.add(() -> {
            for (int i = 0; i < y.values.length; i++) {
                x.gradient[i / y.columns * x.columns + first + i % y.columns] += y.gradient[i];
            }
        });
        return y;
    }

    /** Side by side. */
    Matrix join(List<Matrix> parts) {
        Matrix y = new Matrix(
                parts.get(0).rows, parts.stream().mapToInt(part -> part.columns).sum());
        copy(parts, y, false);
        steps.add(() -> copy(parts, y, true));
        return y;
    }

    private static void copy(List<Matrix> parts, Matrix y, boolean back) {
        int first = 0;
        for (Matrix part : parts) {
            for (int i = 0; i < part.values.length; i++) {
                int at = i / part.columns * y.columns + first + i % part.columns;
                if (back) {
                    part.gradient[i] += y.gradient[at];
                } else {
                    y.values[at] = part.values[i];
                }
            }
            first += part.columns;
        }
    }

    /** Each row divided by the root of its mean square; minus its mean before that, if centred. */
    Matrix normalise(Matrix x, double epsilon, boolean centred) {
        Matrix y = new Matrix(x.rows, x.columns);
        double[] roots = new double[x.rows];
        int n = x.columns;
        for (int i = 0; i < x.rows; i++) {
            double mean = 0;
            for (int j = 0; j < n && centred; j++) {
                mean += x.at(i, j) / n;
            }
            double squares = 0;
            for (int j = 0; j < n; j++) {
                squares += Math.pow(x.at(i, j) - mean, 2) / n;
            }
            roots[i] = Math.sqrt(squares + epsilon);
            for (int j = 0; j < n; j++) {
                y.values[i * n + j] = (x.at(i, j) - mean) / roots[i];
            }
        }
        steps.add(() -> {
            for (int i = 0; i < x.rows; i++) {
                double along = 0;
                double mean = 0;
                for (int j = 0; j < n; j++) {
                    along += y.gradient[i * n + j] * y.at(i, j) / n;
                    mean += centred ? y.gradient[i * n + j] / n : 0;
                }
                for (int j = 0; j < n; j++) {
                    x.gradient[i * n + j] += (y.gradient[i * n + j] - mean - y.at(i, j) * along) / roots[i];
                }
            }
        });
        return y;
    }

    /** Channel j and j + half of each row turned by row times frequency, and stretched; further channels are kept. */
    Matrix rotate(Matrix x, double[] frequencies, double stretch) {
        Matrix y = new Matrix(x.rows, x.columns);
        turn(x.values, y.values, x, frequencies, stretch, 1);
        steps.add(() -> {
            double[] back = new double[x.values.length];
            turn(y.gradient, back, x, frequencies, stretch, -1);
            for (int i = 0; i < back.length; i++) {
                x.gradient[i] += back[i];
            }
        });
        return y;
    }

    private static void turn(
            double[] from, double[] to, Matrix shape, double[] frequencies, double stretch, int direction) {
        System.arraycopy(from, 0, to, 0, from.length);
        int half = frequencies.length;
        for (int position = 0; position < shape.rows; position++) {
            for (int j = 0; j < half; j++) {
                int a = position * shape.columns + j;
                double cos = stretch * Math.cos(position * frequencies[j]);
                double sin = stretch * Math.sin(position * frequencies[j]) * direction;
                to[a] = from[a] * cos - from[a + half] * sin;
                to[a + half] = from[a + half] * cos + from[a] * sin;
            }
        }
    }

    /** The softmax of each row over the columns from {@code row - window + 1} to {@code row}; zeros elsewhere. */
    Matrix causalSoftmax(Matrix x, int window) {
        Matrix y = new Matrix(x.rows, x.columns);
        for (int i = 0; i < x.rows; i++) {
            int first = window == 0 ? 0 : Math.max(0, i - window + 1);
            softmax(x, y, i, first, i + 1);
        }
        steps.add(() -> softmaxBackward(x, y));
        return y;
    }

    /** The softmax of each row. */
    Matrix softmax(Matrix x) {
        Matrix y = new Matrix(x.rows, x.columns);
        for (int i = 0; i < x.rows; i++) {
            softmax(x, y, i, 0, x.columns);
        }
        steps.add(() -> softmaxBackward(x, y));
        return y;
    }

    private static void softmax(Matrix x, Matrix y, int row, int first, int end) {
        double most = Double.NEGATIVE_INFINITY;
        for (int j = first; j < end; j++) {
            most = Math.max(most, x.at(row, j));
        }
        double sum = 0;
        for (int j = first; j < end; j++) {
            sum += Math.exp(x.at(row, j) - most);
        }
        for (int j = first; j < end; j++) {
            y.values[row * y.columns + j] = Math.exp(x.at(row, j) - most) / sum;
        }
    }

    private static void softmaxBackward(Matrix x, Matrix y) {
        for (int i = 0; i < x.rows; i++) {
            double along = 0;
            for (int j = 0; j < x.columns; j++) {
                along += y.gradient[i * y.columns + j] * y.at(i, j);
            }
            for (int j = 0; j < x.columns; j++) {
                x.gradient[i * x.columns + j] += y.at(i, j) * (y.gradient[i * y.columns + j] - along);
            }
        }
    }

    /** {@code a b}. */
    Matrix product(Matrix a, Matrix b) {
        return linear(a, transpose(b));
    }

    private Matrix transpose(Matrix x) {
        Matrix y = new Matrix(x.columns, x.rows);
        for (int i = 0; i < x.values.length; i++) {
            y.values[i % x.columns * x.rows + i / x.columns] = x.values[i];
        }
        steps.add(() -> {
            for (int i = 0; i < x.values.length; i++) {
                x.gradient[i] += y.gradient[i % x.columns * x.rows + i / x.columns];
            }
        });
        return y;
    }

    /** The summed cross entropy of the rows that have a label, in nats: {@code [1, 1]}. */
    Matrix loss(Matrix logits, int[] labels) {
        Matrix p = softmax(logits);
        Matrix y = new Matrix(1, 1);
        for (int i = 0; i < labels.length; i++) {
            if (labels[i] >= 0) {
                y.values[0] -= Math.log(p.at(i, labels[i]));
            }
        }
        steps.add(() -> {
            for (int i = 0; i < labels.length; i++) {
                if (labels[i] >= 0) {
                    p.gradient[i * p.columns + labels[i]] -= y.gradient[0] / p.at(i, labels[i]);
                }
            }
        });
        return y;
    }
}
