package io.tandem.server.dataset;

import io.tandem.kernels.TrainingPack.Sequence;
import java.util.List;

/** A training file whose every line is right. */
public sealed interface Dataset extends DatasetReader.Result {
    /** What is in the file. */
    DatasetSummary summary();

    /** Examples to imitate, in the order of the file. */
    record Supervised(List<Example> examples, DatasetSummary summary) implements Dataset {
        public Supervised {
            examples = List.copyOf(examples);
        }
    }

    /** Answers of which one is to become likelier than the other, in the order of the file. */
    record Preferences(List<Pair> pairs, DatasetSummary summary) implements Dataset {
        public Preferences {
            pairs = List.copyOf(pairs);
        }
    }

    /**
     * One example.
     *
     * @param line number of its line among the file's examples, from 0
     * @param sequence with labels where something is learned
     * @param tags of its line
     */
    record Example(int line, Sequence sequence, Tags tags) {}

    /**
     * Two answers to the same prompt. The sequences begin with the same tokens, and only the answers have labels.
     *
     * @param preferred the better one
     * @param nonPreferred the worse one
     * @param tags of their line
     */
    record Pair(Sequence preferred, Sequence nonPreferred, Tags tags) {}
}
