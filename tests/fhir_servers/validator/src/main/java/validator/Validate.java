package validator;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * Holds resources against FHIR R4 (4.0.1): one JSON resource a line on standard input; on standard output, for each, its messages
 * (severity, place and text, tabs between) and a line that says `done`. No network, no files.
 */
public final class Validate {
    private Validate() {}

    /** Validate until standard input ends. */
    public static void main(String[] arguments) throws Exception {
        FhirContext context = FhirContext.forR4();
        var support = new ValidationSupportChain(
                new DefaultProfileValidationSupport(context),
                new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context),
                new SnapshotGeneratingValidationSupport(context));
        var module = new FhirInstanceValidator(support);
        module.setAnyExtensionsAllowed(true);
        module.setErrorForUnknownProfiles(false);
        FhirValidator validator = context.newValidator();
        validator.registerValidatorModule(module);
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new java.io.PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            for (SingleValidationMessage message : validator.validateWithResult(line).getMessages()) {
                String text = message.getMessage() == null ? "" : message.getMessage().replaceAll("[\\t\\r\\n]+", " ");
                out.println(message.getSeverity().getCode() + "\t" + message.getLocationString() + "\t" + text);
            }
            out.println("done");
        }
    }
}
