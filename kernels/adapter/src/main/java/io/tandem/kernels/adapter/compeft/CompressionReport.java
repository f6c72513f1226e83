package io.tandem.kernels.adapter.compeft;

import io.tandem.kernels.adapter.Adapter.Site;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.stream.Stream;

/**
 * What compression saved and what it cost.
 *
 * @param parameters numbers of the adapter's factors
 * @param bytes of the compressed file
 * @param density share of the numbers that were kept
 * @param alpha the modules' scalars in standard deviations of their factors, on average
 * @param candidates scalars that were tried on validation data, in their order; empty if none were
 * @param errors the relative error of each module's product, in the Frobenius norm
 * @param error the relative error of all products as one vector
 */
public record CompressionReport(
        long parameters,
        long bytes,
        double density,
        double alpha,
        List<Candidate> candidates,
        SortedMap<Site, Double> errors,
        double error) {

    /**
     * A scalar that was tried.
     *
     * @param alpha in standard deviations; empty for least squares, where each module has its own
     * @param score larger is better
     */
    public record Candidate(OptionalDouble alpha, double score) {}

    public CompressionReport {
        candidates = List.copyOf(candidates);
        errors = Collections.unmodifiableSortedMap(errors);
    }

    /** What the factors alone take in bfloat16. */
    public long bfloat16Bytes() {
        return Short.BYTES * parameters;
    }

    /** How many times smaller the file is than the factors in bfloat16. */
    public double ratio() {
        return (double) bfloat16Bytes() / bytes;
    }

    /** How many times smaller the file is than the files of a directory, for example in PEFT's layout. */
    public double ratioTo(Path directory) throws IOException {
        List<Path> files;
        try (Stream<Path> tree = Files.walk(directory)) {
            files = tree.filter(Files::isRegularFile).toList();
        }
        long sum = 0;
        for (Path file : files) {
            sum += Files.size(file);
        }
        return (double) sum / bytes;
    }
}
