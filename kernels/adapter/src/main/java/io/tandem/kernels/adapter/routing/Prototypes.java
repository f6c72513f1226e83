package io.tandem.kernels.adapter.routing;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsFile;
import io.tandem.kernels.weights.SafetensorsWriter;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;
import org.ejml.interfaces.decomposition.QRDecomposition;

/**
 * The inputs to which an adapter answers most: of each linear that reads what its layer's attention or MLP gets, the first
 * right singular vector of the adapter's change. They need no data (Arrow, Ostapenko et al., arXiv 2405.11157).
 *
 * @param directions {@code [hidden]}, of length 1; none for an adapter without low-rank factors at such a linear
 */
public record Prototypes(SortedMap<Site, float[]> directions) {
    public static final Prototypes NONE = new Prototypes(new TreeMap<>());

    public Prototypes {
        directions = Collections.unmodifiableSortedMap(new TreeMap<>(directions));
    }

    /** Takes time in proportion to the weights. */
    public static Prototypes of(Adapter adapter) {
        SortedMap<Site, float[]> directions = new TreeMap<>();
        adapter.modules().forEach((site, change) -> {
            if (place(site.module()).isPresent()) {
                change.lowRank().flatMap(Prototypes::direction).ifPresent(found -> directions.put(site, found));
            }
        });
        return new Prototypes(directions);
    }

    /** What a linear reads, as in {@link LayerInputs}; experts get only the tokens that are theirs, so they do not count. */
    private static OptionalInt place(TargetModule module) {
        return switch (module) {
            case Q_PROJ, K_PROJ, V_PROJ, QKV_PROJ -> OptionalInt.of(0);
            case GATE_PROJ, UP_PROJ, GATE_UP_PROJ -> OptionalInt.of(1);
            case O_PROJ,
                    DOWN_PROJ,
                    EXPERT_GATE_PROJ,
                    EXPERT_UP_PROJ,
                    EXPERT_DOWN_PROJ,
                    EXPERT_W1,
                    EXPERT_W2,
                    EXPERT_W3,
                    ATTENTION,
                    MLP -> OptionalInt.empty();
        };
    }

    /**
     * With {@code A^T = Q R}, the right singular vectors of {@code B A} are those of {@code B R^T}, which is small, times
     * {@code Q}.
     *
     * @return empty if the product is zero
     */
    private static Optional<float[]> direction(LowRank factors) {
        int rank = factors.rank();
        DMatrixRMaj a = matrix(factors.a(), rank, factors.inputs());
        DMatrixRMaj b = matrix(factors.b(), factors.outputs(), rank);
        QRDecomposition<DMatrixRMaj> qr = DecompositionFactory_DDRM.qr(a.numCols, a.numRows);
        qr.decompose(CommonOps_DDRM.transpose(a, null));
        DMatrixRMaj basis = qr.getQ(null, true);
        DMatrixRMaj small = new DMatrixRMaj(b.numRows, basis.numCols);
        CommonOps_DDRM.multTransB(b, qr.getR(null, true), small);
        DMatrixRMaj square = new DMatrixRMaj(basis.numCols, basis.numCols);
        CommonOps_DDRM.multTransA(small, small, square);
        DMatrixRMaj direction = new DMatrixRMaj(basis.numRows, 1);
        CommonOps_DDRM.mult(basis, first(square), direction);
        double length = Math.sqrt(CommonOps_DDRM.dot(direction, direction));
        if (CommonOps_DDRM.elementMaxAbs(square) == 0 || !(length > 0)) {
            return Optional.empty();
        }
        float[] unit = new float[direction.numRows];
        for (int i = 0; i < unit.length; i++) {
            unit[i] = (float) (direction.data[i] / length);
        }
        return Optional.of(unit);
    }

    private static DMatrixRMaj matrix(float[] values, int rows, int columns) {
        DMatrixRMaj matrix = new DMatrixRMaj(rows, columns);
        for (int i = 0; i < values.length; i++) {
            matrix.data[i] = values[i];
        }
        return matrix;
    }

    /** The eigenvector of the largest eigenvalue of a symmetric matrix. */
    private static DMatrixRMaj first(DMatrixRMaj square) {
        EigenDecomposition_F64<DMatrixRMaj> eigen = DecompositionFactory_DDRM.eig(square.numRows, true, true);
        if (!eigen.decompose(square.copy())) {
            throw new IllegalStateException("the eigenvalues of a change do not converge");
        }
        int best = 0;
        for (int i = 1; i < eigen.getNumberOfEigenvalues(); i++) {
            best = eigen.getEigenvalue(i).real > eigen.getEigenvalue(best).real ? i : best;
        }
        return eigen.getEigenVector(best);
    }

    /** Whether there is nothing to compare a prompt with. */
    public boolean isEmpty() {
        return directions.isEmpty();
    }

    public long bytes() {
        return directions.values().stream()
                .mapToLong(own -> (long) Float.BYTES * own.length)
                .sum();
    }

    /**
     * How much a text is one for this adapter, from 0 to 1: the mean, over tokens and linears, of how much of the input lies
     * in the direction. The paper chooses for each token at each linear; a request is answered by the same adapter
     * throughout.
     */
    public double score(LayerInputs inputs) {
        double sum = 0;
        for (Map.Entry<Site, float[]> own : directions.entrySet()) {
            int place = place(own.getKey().module()).orElseThrow();
            for (int token = 0; token < inputs.tokens(); token++) {
                sum += inputs.along(own.getValue(), token, own.getKey().layer(), place);
            }
        }
        return sum / Math.max(1, directions.size() * inputs.tokens());
    }

    /** Writes them to a file that {@link #read} reads. */
    public void write(Path file) throws IOException {
        SortedMap<String, Tensor> tensors = new TreeMap<>();
        directions.forEach((site, direction) ->
                tensors.put(site.toString(), new Tensor(StoredType.F32, new long[] {direction.length}, direction)));
        SafetensorsWriter.write(file, tensors);
    }

    /** @throws ModelFormatException if the file is missing or damaged, or its prototypes are of another model */
    public static Prototypes read(Path file, ModelConfig model) {
        SafetensorsFile tensors = SafetensorsFile.open(file);
        SortedMap<Site, float[]> directions = new TreeMap<>();
        for (Site site : Site.all(model)) {
            String name = site.toString();
            if (place(site.module()).isPresent() && tensors.names().contains(name)) {
                float[] direction = tensors.floats(name);
                requireUnit(file, name, direction, model.hidden());
                directions.put(site, direction);
            }
        }
        if (directions.size() != tensors.names().size()) {
            throw new ModelFormatException(file + ": has tensors that are no prototypes of this model");
        }
        return new Prototypes(directions);
    }

    private static void requireUnit(Path file, String name, float[] direction, int hidden) {
        double squares = 0;
        for (float number : direction) {
            squares += (double) number * number;
        }
        if (direction.length != hidden || !(Math.abs(squares - 1) < 1e-3)) {
            throw new ModelFormatException(file + ": " + name + " has " + direction.length
                    + " numbers, expected a vector of " + hidden + " with the length 1, not " + Math.sqrt(squares));
        }
    }
}
