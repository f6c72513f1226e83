package io.tandem.kernels.device;

import io.tandem.kernels.WeightForm;
import io.tandem.kernels.device.DeviceProfile.Trial;
import java.util.List;
import java.util.stream.Stream;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestPlan;

/** Ends the tests' output with the types and forms of weights that they had to leave out on this machine. */
public final class UntestedForms implements TestExecutionListener {
    @Override
    public void testPlanExecutionFinished(TestPlan plan) {
        System.out.println(line(DeviceProfile.ofThisMachine(), "plain".equals(System.getenv("TANDEM_WEIGHT_FORM"))));
    }

    /** @param plainOnly whether other forms are left out on request */
    static String line(DeviceProfile profile, boolean plainOnly) {
        List<String> untested = profile.trials().stream()
                .flatMap(trial -> reason(trial, plainOnly).map(reason -> trial.name() + ": " + reason))
                .toList();
        return untested.isEmpty()
                ? "This machine can test every weight type and form."
                : "Not tested on this machine: " + String.join("; ", untested);
    }

    private static Stream<String> reason(Trial trial, boolean plainOnly) {
        return plainOnly && trial.form() != WeightForm.PLAIN
                ? Stream.of("TANDEM_WEIGHT_FORM asks for plain weights")
                : trial.fault().stream();
    }
}
