package io.tandem.server.finetune.search;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.LinearSolverFactory_DDRM;
import org.ejml.interfaces.decomposition.CholeskyDecomposition_F64;
import org.ejml.interfaces.linsol.LinearSolverDense;

/**
 * A Gaussian process over a few points (Rasmussen and Williams, 2006, algorithm 2.1) with the Matérn kernel of 5/2. Values
 * are standardized first.
 */
final class GaussianProcess {
    private static final List<Double> LENGTHS = List.of(0.25, 0.5, 1.0, 2.0, 4.0);
    private static final List<Double> NOISES = List.of(1e-4, 1e-2, 1e-1);

    private final double[][] points;
    private final double length;
    private final double mean;
    private final double scale;
    private final LinearSolverDense<DMatrixRMaj> solver;
    private final DMatrixRMaj weights;
    private final double likelihood;

    /** What is believed of the value at a point. */
    record Belief(double mean, double deviation) {}

    /**
     * @param points at least one
     * @param length of the kernel
     * @param noise variance of the standardized values that the points do not explain
     */
    GaussianProcess(double[][] points, double[] values, double length, double noise) {
        this.points = points;
        this.length = length;
        this.mean = Arrays.stream(values).average().orElse(0);
        double variance = Arrays.stream(values)
                .map(v -> (v - mean) * (v - mean))
                .average()
                .orElse(0);
        this.scale = variance > 0 ? Math.sqrt(variance) : 1;
        int n = points.length;
        DMatrixRMaj kernel = new DMatrixRMaj(n, n);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                kernel.set(i, j, kernel(points[i], points[j]) + (i == j ? noise : 0));
            }
        }
        this.solver = LinearSolverFactory_DDRM.chol(n);
        if (!solver.setA(kernel)) {
            throw new IllegalArgumentException("the kernel of " + n + " points with noise " + noise + " is singular");
        }
        DMatrixRMaj standard =
                column(Arrays.stream(values).map(v -> (v - mean) / scale).toArray());
        this.weights = solved(standard);
        this.likelihood = -0.5 * CommonOps_DDRM.dot(standard, weights) - halfLogDeterminant();
    }

    /** That whose length and noise, out of a small grid, make the values most likely. */
    static GaussianProcess fit(double[][] points, double[] values) {
        return LENGTHS.stream()
                .flatMap(length -> NOISES.stream().map(noise -> new GaussianProcess(points, values, length, noise)))
                .max(Comparator.comparingDouble(process -> process.likelihood))
                .orElseThrow();
    }

    private static DMatrixRMaj column(double[] values) {
        return new DMatrixRMaj(values.length, 1, true, values);
    }

    private DMatrixRMaj solved(DMatrixRMaj right) {
        DMatrixRMaj solution = new DMatrixRMaj(points.length, 1);
        solver.solve(right.copy(), solution);
        return solution;
    }

    private double halfLogDeterminant() {
        CholeskyDecomposition_F64<DMatrixRMaj> cholesky = solver.getDecomposition();
        DMatrixRMaj factor = cholesky.getT(null);
        double sum = 0;
        for (int i = 0; i < points.length; i++) {
            sum += Math.log(factor.get(i, i));
        }
        return sum;
    }

    private double kernel(double[] a, double[] b) {
        double squares = 0;
        for (int i = 0; i < a.length; i++) {
            squares += (a[i] - b[i]) * (a[i] - b[i]);
        }
        double distance = Math.sqrt(5 * squares) / length;
        return (1 + distance + distance * distance / 3) * Math.exp(-distance);
    }

    Belief at(double[] point) {
        DMatrixRMaj near = column(
                Stream.of(points).mapToDouble(known -> kernel(known, point)).toArray());
        double variance = 1 - CommonOps_DDRM.dot(near, solved(near));
        return new Belief(mean + scale * CommonOps_DDRM.dot(near, weights), scale * Math.sqrt(Math.max(0, variance)));
    }
}
