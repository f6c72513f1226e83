package io.tandem.server.finetune.writing;

import io.tandem.scheduler.finetune.Trajectories;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.dataset.Dataset;
import io.tandem.server.dataset.DatasetReader;
import io.tandem.server.dataset.InvalidDataset;
import io.tandem.server.dataset.TextRules;
import io.tandem.server.finetune.distill.Distillation.Wanted;
import io.tandem.server.finetune.distill.DistilledFile;
import io.tandem.server.finetune.distill.DistilledFile.Written;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;

/**
 * A small file in the manner of another one: what has learned that file writes more chats than are wanted, and those that stand
 * for all of them are chosen (as DiLM, Maekawa et al., 2024, does with texts and their labels). Each chat is drawn by a seed of its
 * own, so those of an interrupted job are the same.
 */
public final class WrittenFile {
    /** Chats that are written for each that is wanted. */
    private static final int WRITTEN_FOR_ONE = 4;

    /** That may be wanted, of as many as can be distilled. */
    public static final int MOST_EXAMPLES = DistilledFile.MOST_EXAMPLES / WRITTEN_FOR_ONE;

    private static final int PARTS_TOLD = 10;
    private static final String CANDIDATES = "candidates.jsonl";

    private final Task task;
    private final Author author;
    private final Job job;
    private final WrittenChats chats;

    /**
     * What is to be done.
     *
     * @param seed of everything that is drawn
     * @param maxTokens of a chat; no written one need be longer than the file's longest
     */
    public record Task(Wanted wanted, long seed, int maxTokens) {
        int candidates() {
            return WRITTEN_FOR_ONE * wanted.examples();
        }
    }

    /** What the job for which it is done has. */
    public interface Job extends DistilledFile.Scratch, WrittenChats.Log {
        /** Opens the training file, which has whole chats only. */
        InputStream training() throws IOException;

        /** Says how far it is. */
        void say(String message);
    }

    private WrittenFile(Task task, Author author, Job job) throws IOException {
        this.task = task;
        this.author = author;
        this.job = job;
        this.chats = new WrittenChats(job);
    }

    /**
     * Writes the file; waits for the engine, which does this beside all else. An interruption ends it.
     *
     * @throws ApiException if nothing new was written
     * @throws UnansweredException if the engine fails again and again
     */
    public static DistilledFile write(Task task, Author author, Job job, WritingSource source) throws IOException {
        WrittenFile file = new WrittenFile(task, author, job);
        try (Inquiries inquiries = new Inquiries(source, author.account())) {
            return file.write(inquiries);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("the examples are not needed any more");
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private DistilledFile write(Inquiries inquiries) throws IOException, InterruptedException {
        Original original;
        try (InputStream in = job.training()) {
            original = Original.read(in);
        }
        writeChats(inquiries, original.patterns());
        List<List<ChatMessage>> usable = new ArrayList<>();
        Written written = sort(original, usable);
        job.say(written.begun() + " examples are written: " + written.unfinished()
                + " without an end or not to be learned, "
                + written.verbatim() + " that ask what the training file asks, and " + written.repeated()
                + " repetitions are left out.");
        if (usable.isEmpty()) {
            throw ApiException.invalid(
                    "training_file",
                    "none of the " + written.begun() + " written examples is new; train longer, or give a larger file");
        }
        Path candidates = job.write(CANDIDATES, out -> {
            for (List<ChatMessage> chat : usable) {
                out.write(WrittenChats.json(chat).toString());
                out.write('\n');
            }
        });
        Dataset.Supervised set = read(candidates);
        Trajectories losses = new Likelihoods(author, inquiries)
                .of(set.examples().stream().map(Dataset.Example::sequence).toList());
        return DistilledFile.write(
                        task.wanted().atMost(usable.size()),
                        set,
                        losses,
                        task.seed(),
                        () -> Files.newInputStream(candidates),
                        job)
                .written(written);
    }

    private void writeChats(Inquiries inquiries, List<List<ChatMessage>> patterns) throws InterruptedException {
        int all = task.candidates();
        for (int number = 0; number < all; number++) {
            if (!chats.has(number)) {
                inquiries.awaitRoom();
                begin(inquiries, patterns, number);
            }
        }
        inquiries.awaitAll();
    }

    private void begin(Inquiries inquiries, List<List<ChatMessage>> patterns, int number) {
        SplittableRandom random = new SplittableRandom(new SplittableRandom(task.seed()).nextLong() + number);
        List<ChatMessage> pattern = patterns.get(random.nextInt(patterns.size()));
        int maxTokens = Math.min(task.maxTokens(), author.maxTokens());
        new Candidate(author, inquiries, pattern, maxTokens, random.nextLong(), chat -> keep(number, chat)).goOn();
    }

    private void keep(int number, Optional<List<ChatMessage>> chat) {
        try {
            chats.put(number, chat);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        int part = Math.max(1, task.candidates() / PARTS_TOLD);
        if (chats.size() % part == 0 && chats.size() < task.candidates()) {
            job.say(chats.size() + " of " + task.candidates() + " examples are written.");
        }
    }

    /** Finds those that are new. */
    private Written sort(Original original, List<List<ChatMessage>> usable) throws IOException {
        Set<ByteBuffer> seen = new HashSet<>();
        int unfinished = 0;
        int verbatim = 0;
        int repeated = 0;
        for (Optional<List<ChatMessage>> chat : chats.all()) {
            Optional<ByteBuffer> asked = chat.map(Original::asked);
            if (asked.isEmpty()) {
                unfinished++;
            } else if (original.asks(asked.get())) {
                verbatim++;
            } else if (seen.contains(asked.get())) {
                repeated++;
            } else if (canBeLearned(chat.get())) {
                seen.add(asked.get());
                usable.add(chat.get());
            } else {
                unfinished++;
            }
        }
        return new Written(chats.size(), unfinished, verbatim, repeated);
    }

    /** The template may write it in another way, or in more tokens, than the model did. */
    private boolean canBeLearned(List<ChatMessage> chat) throws IOException {
        byte[] line = WrittenChats.json(chat).toString().getBytes(StandardCharsets.UTF_8);
        return reader().read(new ByteArrayInputStream(line)) instanceof Dataset.Supervised;
    }

    private DatasetReader reader() {
        return new DatasetReader(author.model(), author.maxTokens(), new TextRules(true, false), Set.of());
    }

    private Dataset.Supervised read(Path candidates) throws IOException {
        try (InputStream in = Files.newInputStream(candidates)) {
            DatasetReader.Result result = reader().read(in);
            if (result instanceof InvalidDataset invalid) {
                throw ApiException.invalid(
                        "training_file", "what was written cannot be learned: " + String.join("; ", invalid.reasons()));
            }
            return (Dataset.Supervised) result;
        }
    }
}
