package io.tandem.server.api;

import java.util.Optional;
import java.util.Set;

/**
 * A search for the weights of a merge.
 *
 * @param validationFile id of an uploaded file that the merges are measured on
 * @param evaluations merges that are tried
 */
public record MergeSearch(String validationFile, int evaluations) {
    public static final Set<String> FIELDS = Set.of("validation_file", "evaluations");

    private static final int FILE_CHARS_MAX = 64;
    private static final int EVALUATIONS_DEFAULT = 30;
    private static final int EVALUATIONS_MAX = 1000;

    /**
     * The search that a merge's request asks for, if it does.
     *
     * @param body of the request
     * @param merge the rest of it
     */
    public static Optional<MergeSearch> read(JsonBody body, MergeParams merge) {
        Optional<MergeSearch> search = body.optionalString("validation_file", FILE_CHARS_MAX)
                .map(file -> new MergeSearch(
                        file,
                        body.optionalInt("evaluations", 1, EVALUATIONS_MAX).orElse(EVALUATIONS_DEFAULT)));
        if (search.isEmpty() && body.find("evaluations") != null) {
            throw body.invalid("evaluations", "says nothing without 'validation_file'.");
        }
        if (search.isPresent() && merge.spec().isEmpty()) {
            throw body.invalid("validation_file", "says nothing to " + MergeParams.TERNARY_TIES + "; leave it out.");
        }
        return search;
    }
}
