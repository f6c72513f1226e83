package io.tandem.server.finetune.writing;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Trajectories;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What the losses of texts are before and after something was learned, as of examples of which a training examined the losses. */
final class Likelihoods {
    private final Author author;
    private final Inquiries inquiries;

    Likelihoods(Author author, Inquiries inquiries) {
        this.author = author;
        this.inquiries = inquiries;
    }

    /** Two losses of each text: without what the author has learned, and with it. */
    Trajectories of(List<Sequence> texts) throws InterruptedException {
        return new Trajectories(List.of(losses(texts, author.under()), losses(texts, author.adapters())));
    }

    private List<Double> losses(List<Sequence> texts, List<AdapterVersion> adapters) throws InterruptedException {
        List<Double> losses = new ArrayList<>(Collections.nCopies(texts.size(), 0.0));
        for (int i = 0; i < texts.size(); i++) {
            int at = i;
            inquiries.awaitRoom();
            inquiries.weigh(
                    texts.get(i).tokens(), adapters, reply -> losses.set(at, loss(texts.get(at), reply.prompt())));
        }
        inquiries.awaitAll();
        return losses;
    }

    /** @param draws of the text's tokens from the second one on */
    private static double loss(Sequence text, List<Draw> draws) {
        double sum = 0;
        int count = 0;
        for (int t = 0; t < draws.size(); t++) {
            if (text.labels()[t] != TrainingPack.IGNORED) {
                sum -= draws.get(t).logprob();
                count++;
            }
        }
        return sum / Math.max(1, count);
    }
}
