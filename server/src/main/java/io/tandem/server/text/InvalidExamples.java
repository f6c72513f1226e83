package io.tandem.server.text;

import java.util.List;

/**
 * Why a training file was refused.
 *
 * @param count of lines that are wrong
 * @param reasons of the first of them, with line numbers
 */
public record InvalidExamples(int count, List<String> reasons) implements TrainingExamples.Result {
    public InvalidExamples {
        reasons = List.copyOf(reasons);
    }
}
