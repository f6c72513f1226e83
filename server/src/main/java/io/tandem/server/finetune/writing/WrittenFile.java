package io.tandem.server.finetune.writing;

import io.tandem.scheduler.finetune.Trajectories;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.dataset.Dataset;
import io.tandem.server.dataset.GrowingDataset;
import io.tandem.server.dataset.TextRules;
import io.tandem.server.finetune.distill.Distillation.Wanted;
import io.tandem.server.finetune.distill.DistilledFile;
import io.tandem.server.finetune.distill.DistilledFile.Written;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
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
     * @param mostTokens of all new chats together
     */
    public record Task(Wanted wanted, long seed, int maxTokens, long mostTokens) {
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
        NewChats found = new NewChats(
                original,
                new GrowingDataset(author.model(), author.maxTokens(), new TextRules(true, false), task.mostTokens()));
        writeChats(inquiries, original.patterns(), found);
        Written written = found.written();
        job.say(written.begun() + " examples are written: " + written.unfinished()
                + " without an end or not to be learned, "
                + written.verbatim() + " that ask what the training file asks, and " + written.repeated()
                + " repetitions are left out.");
        if (found.lines().isEmpty()) {
            throw ApiException.invalid(
                    "training_file",
                    "none of the " + written.begun() + " written examples is new; train longer, or give a larger file");
        }
        Path candidates = job.write(CANDIDATES, out -> {
            for (String line : found.lines()) {
                out.write(line);
                out.write('\n');
            }
        });
        Dataset.Supervised set = found.dataset();
        Trajectories losses = new Likelihoods(author, inquiries)
                .of(set.examples().stream().map(Dataset.Example::sequence).toList());
        return DistilledFile.write(
                        task.wanted().atMost(found.lines().size()),
                        set,
                        losses,
                        task.seed(),
                        () -> Files.newInputStream(candidates),
                        job)
                .written(written);
    }

    /** Until all are written, or those that are new have no room in a file any more. */
    private void writeChats(Inquiries inquiries, List<List<ChatMessage>> patterns, NewChats found)
            throws IOException, InterruptedException {
        int all = task.candidates();
        for (int number = 0; number < all && !found.isFull(); number++) {
            if (!chats.has(number)) {
                inquiries.awaitRoom();
                begin(inquiries, patterns, number);
            }
            look(found);
        }
        inquiries.awaitAll();
        look(found);
        if (found.isFull()) {
            job.say("The first " + found.looked() + " of " + all
                    + " examples fill a training file, so no more are written.");
        }
    }

    /** In the order of their numbers, whichever are written first: what is found is the same whenever the job was interrupted. */
    private void look(NewChats found) throws IOException {
        while (!found.isFull() && chats.has(found.looked())) {
            found.take(chats.get(found.looked()));
        }
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
}
