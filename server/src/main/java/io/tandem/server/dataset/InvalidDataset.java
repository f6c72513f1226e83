package io.tandem.server.dataset;

import java.util.List;

/**
 * Why a training file was refused.
 *
 * @param count of lines that are wrong
 * @param reasons of the first of them, with line numbers
 * @param summary of the lines that are right; truncated are those that are wrong only because they are too long
 */
public record InvalidDataset(int count, List<String> reasons, DatasetSummary summary) implements DatasetReader.Result {
    public InvalidDataset {
        reasons = List.copyOf(reasons);
    }
}
